"""Names of processors: a virtual machine often says "AMD EPYC" and no more."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# (vendor, family) → the kind. Intel's families say nothing, and models are often hidden.
_FAMILIES = {("AuthenticAMD", 26): "Zen 5", ("AuthenticAMD", 25): "Zen 3 or 4",
             ("AuthenticAMD", 23): "Zen 1 or 2"}  # fmt: skip
# Vector units that set processors of one name apart, the latest first.
_UNITS = (("amx_tile", "AMX"), ("avx512f", "AVX-512"), ("avx2", "AVX2"))
_TRADEMARK = re.compile(r"\((?:R|TM)\)")


def processor_name(cpu: Mapping[str, Any]) -> str:
    """Brand and kind, of what py-cpuinfo knows.

    Examples
    --------
    >>> processor_name({"brand_raw": "AMD EPYC", "vendor_id_raw": "AuthenticAMD", "family": 26,
    ...                 "flags": ["avx2", "avx512f"]})
    'AMD EPYC, Zen 5, AVX-512'
    >>> processor_name({"brand_raw": "Intel(R) Xeon(R) Processor", "flags": ["avx2", "amx_tile"]})
    'Intel Xeon Processor, AMX'
    """
    kind = _FAMILIES.get((cpu.get("vendor_id_raw", ""), cpu.get("family", 0)))
    units = next((name for flag, name in _UNITS if flag in cpu.get("flags", ())), None)
    brand = _TRADEMARK.sub("", cpu["brand_raw"])
    return ", ".join(part for part in (brand, kind, units) if part)


def record_name(cpu: Mapping[str, Any]) -> str:
    """File of the record of such a processor.

    Examples
    --------
    >>> record_name({"brand_raw": "Intel(R) Xeon(R) Processor", "flags": ["amx_tile"]})
    'record-intel-xeon-processor-amx.json'
    """
    return f"record-{re.sub('[^a-z0-9]+', '-', processor_name(cpu).lower()).strip('-')}.json"
