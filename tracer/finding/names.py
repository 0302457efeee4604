"""Who a process is to Kubernetes, and names that anybody may have made up: checked, never trusted.

Rules for names: k8s.io/apimachinery/pkg/util/validation; an image's: distribution's reference.
"""

import re
from dataclasses import dataclass, fields

_FORMS = {
    "namespace": r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
    "pod": r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?",
    "pod_uid": r"[0-9a-f-]{32,36}",
    "container": r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
    "image": r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,511}",
}
_RULES = {name: re.compile(form) for name, form in _FORMS.items()}


@dataclass(frozen=True, slots=True)
class Identity:
    """The container and pod of a process; what isn't known is empty.

    ``told_by`` says who gave the names: ``runtime`` and ``kubelet`` are files of the machine's
    root, ``api`` the Kubernetes API, ``process`` only the process itself.
    """

    container_id: str = ""
    runtime: str = ""
    pod_uid: str = ""
    namespace: str = ""
    pod: str = ""
    container: str = ""
    image: str = ""
    told_by: str = ""

    def described(self) -> dict[str, str]:
        """What is known, for the capture's metadata."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in found.items() if value}

    @property
    def place(self) -> str:
        """In words: ``NS/POD/CONTAINER``, else the container's short id; empty outside of both."""
        names = [self.namespace or "?", self.pod, self.container] if self.pod else []
        return "/".join(filter(None, names)) or self.container_id[:12]


def checked(name: str, value: object) -> str:
    """The value if it can be a name of its kind (a field of ``Identity``), else empty."""
    fits = isinstance(value, str) and _RULES[name].fullmatch(value)
    return str(value) if fits else ""
