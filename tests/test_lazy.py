"""Public names of packages: each is found, and an unknown one is refused as Python refuses it."""

import importlib
import subprocess
import sys

import pytest


@pytest.mark.parametrize("package", ["labkit.models", "labkit.runs", "labkit.survey"])
def test_every_public_name_of_a_lazy_package_is_found_and_listed(package):
    module = importlib.import_module(package)
    assert set(module.__all__) <= set(dir(module))
    assert all(getattr(module, name) is not None for name in module.__all__)
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'"):
        module.nothing  # noqa: B018


@pytest.mark.parametrize("package", ["labkit.models", "labkit.runs", "labkit.survey"])
def test_a_lazy_package_loads_no_torch_and_no_pandas(package):
    asked = f"import sys, {package}; print({{'torch', 'pandas'}} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
