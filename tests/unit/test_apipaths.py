"""Paths and verbs as the API server understands them."""

import pytest

from whowoke.analysis.asking.apipaths import ApiPath, parse, verb


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/pods", ApiPath("", "v1", "", "pods")),
        ("/api/v1/namespaces", ApiPath("", "v1", "", "namespaces")),
        ("/api/v1/namespaces/a", ApiPath("", "v1", "a", "namespaces", "a")),
        ("/api/v1/namespaces/a/status", ApiPath("", "v1", "a", "namespaces", "a", "status")),
        ("/api/v1/namespaces/a/finalize", ApiPath("", "v1", "a", "namespaces", "a", "finalize")),
        ("/api/v1/namespaces/a/pods", ApiPath("", "v1", "a", "pods")),
        ("/api/v1/namespaces/a/pods/b", ApiPath("", "v1", "a", "pods", "b")),
        ("/api/v1/namespaces/a/pods/b/log", ApiPath("", "v1", "a", "pods", "b", "log")),
        ("/api/v1/namespaces/a/services/b/proxy/x/y",
         ApiPath("", "v1", "a", "services", "b", "proxy")),
        ("/api/v1/watch/namespaces/a/pods", ApiPath("", "v1", "a", "pods")),
        ("/apis/apps/v1/namespaces/a/statefulsets/b/scale",
         ApiPath("apps", "v1", "a", "statefulsets", "b", "scale")),
        ("/apis/x.example.com/v1beta1/widgets/w",
         ApiPath("x.example.com", "v1beta1", "", "widgets", "w")),
        ("/apis/authentication.k8s.io/v1/tokenreviews",
         ApiPath("authentication.k8s.io", "v1", "", "tokenreviews")),
        ("/api", ApiPath()),
        ("/api/v1", ApiPath()),
        ("/apis/apps/v1", ApiPath()),
        ("/apis", ApiPath()),
        ("/version", ApiPath()),
        ("/healthz/ping/x/y", ApiPath()),
        ("", ApiPath()),
        ("//api//v1//pods", ApiPath("", "v1", "", "pods")),
        ("/api/v1/watch", ApiPath()),
        ("/" + "a/" * 1000, ApiPath()),
    ],
)  # fmt: skip
def test_paths(path: str, expected: ApiPath) -> None:
    assert parse(path) == expected


@pytest.mark.parametrize(
    ("method", "path", "watch", "expected"),
    [
        ("GET", "/api/v1/pods", False, "list"),
        ("GET", "/api/v1/pods", True, "watch"),
        ("GET", "/api/v1/namespaces/a/pods/b", True, "watch"),
        ("GET", "/api/v1/namespaces/a/pods/b", False, "get"),
        ("HEAD", "/api/v1/namespaces/a/pods/b", False, "get"),
        ("POST", "/api/v1/namespaces/a/pods", False, "create"),
        ("PUT", "/api/v1/namespaces/a/pods/b", False, "update"),
        ("PATCH", "/api/v1/namespaces/a/pods/b/status", False, "patch"),
        ("DELETE", "/api/v1/namespaces/a/pods/b", False, "delete"),
        ("DELETE", "/api/v1/namespaces/a/pods", False, "deletecollection"),
        ("GET", "/version", False, "get"),
        ("BREW", "/api/v1/pods", False, ""),
    ],
)
def test_verbs(method: str, path: str, watch: bool, expected: str) -> None:
    assert verb(method, parse(path), watch) == expected
