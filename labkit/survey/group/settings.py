"""Who is asking, and in which time zone the group counts its days: `$LABKIT_READER`, `summaries/group/group.yaml`."""

import datetime as dt
import json
import os
import subprocess
import zoneinfo
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, ValidationError

from labkit.atomic import create
from labkit.names import did_you_mean, nearest
from labkit.survey.group.log import group_folder
from labkit.survey.publication.files import own_place, summaries_folder
from labkit.survey.publication.ids import reader_id
from labkit.survey.publication.schema import Record
from labkit.survey.publication.schema_errors import explain
from labkit.survey.publication.text_files import read_text
from labkit.survey.publication.yaml_files import parse_yaml


def zone_of(name: str) -> zoneinfo.ZoneInfo:
    """The time zone of this name, such as Asia/Tokyo or UTC. Raises `ValueError` with the nearest name."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        known = zoneinfo.available_timezones()
        cities = {zone.rsplit("/", 1)[-1]: zone for zone in sorted(known, reverse=True)}
        city = nearest(name.replace(" ", "_").title(), cities)
        hint = f"; did you mean {cities[city]!r}?" if city else did_you_mean(name, known)
        raise ValueError(f"no time zone {name!r}{hint} Names look like Asia/Tokyo, Europe/Berlin, UTC") from None


def _zone_name(value: object) -> str:
    return zone_of(str(value)).key


class Settings(Record):
    """`group.yaml`: what the members have in common."""

    zone: Annotated[str, BeforeValidator(_zone_name)] = "UTC"  # days, weeks and months begin by this clock
    name: str = ""


def settings_path() -> Path:
    """The file of the settings; a group without it counts in UTC."""
    return group_folder() / "group.yaml"


def read_settings() -> Settings:
    """The group's settings. Raises `SummaryError` with the line of what is wrong."""
    path = settings_path()
    if not path.is_file():
        return Settings()
    data, lines = parse_yaml(path, read_text(path))
    try:
        return Settings.model_validate(data or {})
    except ValidationError as error:
        raise explain(path, error, lines) from None


def new_group(zone: str, *, name: str = "") -> Path:
    """Write `group.yaml`. Raises `ValueError` for an unknown zone, `FileExistsError` where the group has one."""

    text = f"zone: {zone_of(zone).key} # days, weeks and months begin by this clock\n"
    text += f"name: {json.dumps(name, ensure_ascii=False)}\n" if name else ""
    return create(
        own_place(settings_path()), lambda temporary: temporary.write_text(text, encoding="utf-8", newline="\n")
    )


def group_zone(name: str | None = None) -> zoneinfo.ZoneInfo:
    """The zone of this name, or else the group's."""
    return zone_of(name or read_settings().zone)


def local_now() -> dt.datetime:
    """The time by the group's clock."""
    return dt.datetime.now(group_zone())


def who_am_i(given: str | None = None) -> str:
    """The reader who asks: as given, else `$LABKIT_READER`, else `git config labkit.reader`. Raises `ValueError`."""
    name = given or os.environ.get("LABKIT_READER") or _from_git()
    if not name:
        raise ValueError(
            "who are you? Say `--reader reader-a`, or once for this clone: `git config labkit.reader reader-a`, "
            "or for this terminal: LABKIT_READER=reader-a"
        )
    return reader_id(name)


def _from_git() -> str:
    """The setting of git in the current folder, else in the library's folder; empty without git."""
    places = [Path.cwd(), *([summaries_folder()] if os.environ.get("LABKIT_SUMMARIES") else [])]
    for place in places:
        try:
            asked = subprocess.run(
                ["git", "config", "--get", "labkit.reader"],  # noqa: S607 (git is where the user has it)
                cwd=place,
                capture_output=True,
                text=True,
                timeout=10,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if asked.returncode == 0 and asked.stdout.strip():
            return asked.stdout.strip()
    return ""
