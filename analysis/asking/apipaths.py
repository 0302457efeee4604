"""Paths of the API server's requests: about which resource they are, and with which verb."""

from typing import NamedTuple

# As in RequestInfoFactory of k8s.io/apiserver 0.36, pkg/endpoints/request/requestinfo.go.
PREFIXES = ("api", "apis")
NAMESPACE_SUBRESOURCES = ("status", "finalize")
VERBS = {
    "GET": "get",
    "HEAD": "get",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
READS = ("get", "list", "watch")
OF_ALL = {"get": "list", "delete": "deletecollection"}


class ApiPath(NamedTuple):
    """What a path is about; without a resource it is about none."""

    group: str = ""
    version: str = ""
    namespace: str = ""
    resource: str = ""
    name: str = ""
    subresource: str = ""


def parse(path: str) -> ApiPath:
    """The parts of a path: ``/api/v1/...`` or ``/apis/GROUP/VERSION/...``."""
    parts = [part for part in path.split("/") if part]
    if not parts or parts[0] not in PREFIXES:
        return ApiPath()
    group = ""
    if parts[0] == "apis" and len(parts) > 1:
        group = parts.pop(1)
    return _resource(group, parts[1], parts[2:]) if len(parts) > 2 else ApiPath()


def _resource(group: str, version: str, parts: list[str]) -> ApiPath:
    if parts[:1] == ["watch"]:
        parts = parts[1:]
    namespace = ""
    if parts[:1] == ["namespaces"] and len(parts) > 1:
        namespace = parts[1]
        if len(parts) > 2 and parts[2] not in NAMESPACE_SUBRESOURCES:
            parts = parts[2:]
    if not parts:
        return ApiPath()
    resource, name, subresource = (*parts, "", "")[:3]
    return ApiPath(group, version, namespace, resource, name, subresource)


def verb(method: str, about: ApiPath, is_watch: bool) -> str:
    """The verb as the audit log names it; that of a request about no resource is its method."""
    if not about.resource:
        return method.lower()
    if is_watch:
        return "watch"
    found = VERBS.get(method, "")
    return found if about.name else OF_ALL.get(found, found)
