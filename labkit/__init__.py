"""labkit: an interactive survey and teaching toolkit for video action recognition.

A video file becomes frames (`labkit.data`), frames a clip, clips a batch, a batch logits
(`labkit.models`), logits a history and predictions (`labkit.training`), and those become
figures (`labkit.viz`). Paper cards live in `labkit.survey`, notebooks as experiments in
`labkit.runs`, and the course's builds in `labkit.course`.

Importing `labkit` loads nothing heavy: each part is imported where it is needed. It does one thing: it sets how the
threads of torch wait, so that a busy machine stays usable (`labkit.waiting`). So it comes before `import torch`.
"""

from labkit import waiting as waiting

__version__ = "0.2.0"
