"""`labkit group`: commands for one reader's own reading (`reading`), and for the meetings of a group (`meeting`)."""

from labkit.cli.group import meeting as meeting
from labkit.cli.group import reading as reading
from labkit.cli.group.options import group_app as group_app
