import re

from labkit.page_policy import allow, digest, page_policy


def scripts_of(policy: str) -> str:
    (found,) = re.findall(r"script-src ([^;]*)", policy)
    return found


def test_a_page_without_scripts_runs_none():
    assert scripts_of(page_policy(run=False)) == "'none'"
    assert scripts_of(page_policy(files=False)) == "'none'"


def test_a_script_in_a_page_runs_by_its_digest_alone():
    assert (
        scripts_of(page_policy(allow("a", "b", "a"), files=False)) == f"'sha256-{digest('a')}' 'sha256-{digest('b')}'"
    )
    assert scripts_of(page_policy(allow("a"))) == f"'self' file: 'sha256-{digest('a')}'"


def test_no_page_loads_or_sends_anything_elsewhere():
    for options in ({}, {"files": False}, {"run": False}, {"theme": True}):
        policy = page_policy(**options)
        assert policy.startswith("default-src 'none'; ")
        assert not re.search(r"https?:|\*|unsafe-eval|connect-src", policy)
    assert "form-action 'none'" in page_policy()
    assert "form-action 'self' file:" in page_policy(theme=True)
