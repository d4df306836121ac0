"""Grade what a class hands in, with nbgrader, one student at a time.

`handins` finds the notebooks of each student, `repair` puts back what a student deleted or doubled, `worker` asks nbgrader
in a process of its own, `records` keeps the marks, `feedback` writes a page for each student. `classroom` does all of it.
"""
