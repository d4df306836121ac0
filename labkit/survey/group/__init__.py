"""A group that reads together: who has claimed what, who reads for how long, whose cards are done, what was thought.

```
summaries/group/group.yaml            # zone: Asia/Tokyo
summaries/group/log/reader-a.jsonl    # all that reader-a did, one event a line, only ever added to
summaries/group/log/reader-b.jsonl
```

Everybody writes only a file of their own, and never changes a line of it, so that two clones of the library merge
without conflict; two clones of one person merge by keeping the lines of both. All that a group is, `Group`, is
computed from the *set* of all events, ordered by time and then by person: the order of merging cannot matter.

```
claim("hara-2018-retrace", reader="reader-a")         # from labkit.survey.group.claiming
read_group().holders("hara-2018-retrace")
```

`events` is one line, `log` the files, `state` what follows from them; `claiming`, `timer`, `finishing` and `speaking` are
what a member does; `overview`, `ranking`, `goals` and `care` what a member sees; `demo` makes a group to try them on.
"""

from labkit.survey.group.log import read_events
from labkit.survey.group.state import Group, read_group

__all__ = ["Group", "read_events", "read_group"]
