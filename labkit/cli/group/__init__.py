"""`labkit group`: the commands of one reader (`reading`), and of a group that meets (`meeting`)."""

from labkit.cli.group import meeting as meeting
from labkit.cli.group import reading as reading
from labkit.cli.group.options import group_app as group_app
