"""References to Python's names, looked up as they are written. The reference writes them in full."""

from typing import Any

from sphinx.domains.python import PythonDomain


class ExactNames(PythonDomain):
    """Sphinx's domain of Python without its search for a name's end, which would read all names for each `int` and `str`."""

    def find_obj(
        self, env: Any, modname: Any, classname: Any, name: str, type: Any, searchmode: int = 0
    ) -> list[tuple[str, Any]]:
        """The objects with this full name, or with this name in the module or the class at hand."""
        return super().find_obj(env, modname, classname, name, type, 0)
