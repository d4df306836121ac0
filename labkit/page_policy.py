"""The content policy of every page that labkit writes: what the page may run, load and send.

No page loads anything from another site. A script in a page runs only if the policy names its digest, so a script that a
reader wrote into a card or an output does not run. `file:` stands beside `'self'` for pages that are opened from disk.
"""

import base64
import hashlib

OWN = "'self' file:"


def page_policy(
    allowed: str = "", *, files: bool = True, run: bool = True, play: bool = False, theme: bool = False
) -> str:
    """The text of the policy for a page's `<meta http-equiv="Content-Security-Policy">`.

    `allowed` has the digests of the scripts in the page (see `allow`). `files`: the page loads styles of its own site.
    `run`: its script files run too. `play`: it plays video files beside it. `theme`: it loads pictures and letters too, and its search field leads to a page.
    """
    own = OWN if files else ""
    scripts = " ".join(filter(None, (own if run else "", allowed))) or "'none'"
    parts = {
        "default-src": "'none'",
        "script-src": scripts,
        "style-src": f"{own} 'unsafe-inline'",
        "img-src": f"{OWN if theme else ''} data: blob:",
        "media-src": f"{OWN if play else ''} data:",
        "font-src": OWN if theme else "'none'",
        "base-uri": "'none'",
        "form-action": OWN if theme else "'none'",
    }
    return "; ".join(f"{name} {' '.join(value.split())}" for name, value in parts.items())


def allow(*scripts: str) -> str:
    """The digests of these scripts, as a policy names them."""
    return " ".join(f"'sha256-{digest(script)}'" for script in dict.fromkeys(scripts))


def digest(script: str) -> str:
    """The SHA-256 of a script in base64."""
    return base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
