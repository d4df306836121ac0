"""From video files to batches: frames (`video`) → clips (`clips`) → crops (`transforms`) → datasets (`datasets`).

The embedded dataset is `motion`. Import from the modules: this package loads none of them by itself.
"""
