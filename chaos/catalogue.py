"""Imports every module of `chaos/faults/`, which enters its faults and setups in the lists of `faults.base`."""

from __future__ import annotations

import importlib
import pkgutil

from chaos import faults

for _module in pkgutil.iter_modules(faults.__path__):
    importlib.import_module(f"{faults.__name__}.{_module.name}")
