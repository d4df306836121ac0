"""What is wrong in the library, with file and line: a whole report (`report`), one file (`one_file`), the published `numbers`."""
