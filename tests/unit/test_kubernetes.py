"""Which cluster is asked, and what is said where none can be."""

import sys
from types import SimpleNamespace

import pytest

from whowoke.analysis.errors import UnsupportedError, UsageError, WhowokeError
from whowoke.tracer.finding import kubernetes
from whowoke.tracer.finding.kubernetes import Pods, connect

UID = "0f1c2d3e-4a5b-6c7d-8e9f-a0b1c2d3e4f5"


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch, tmp_path):
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def lister(monkeypatch):
    """Notes which file would be used."""
    used = []
    monkeypatch.setattr(kubernetes, "_lister", used.append)
    return used


def test_without_any_there_is_no_api():
    assert connect() is None


def test_the_first_place_that_has_one(lister, monkeypatch, tmp_path):
    usual, told, other = tmp_path / ".kube" / "config", tmp_path / "told", tmp_path / "other"
    usual.parent.mkdir()
    for file in (usual, told, other):
        file.write_text("")
    connect()
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'missing'}:{told}:{other}")
    connect()
    connect(other)
    assert lister == [usual, told, other]


def test_inside_of_a_pod_its_service_account(lister, monkeypatch, tmp_path):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setattr(kubernetes, "SERVICE_ACCOUNT", tmp_path)
    assert connect() is None
    (tmp_path / "token").write_text("x")
    connect()
    assert lister == [None]


def test_a_file_that_is_named_must_be_there(tmp_path):
    with pytest.raises(UsageError, match="no kubeconfig"):
        connect(tmp_path / "missing")


@pytest.mark.parametrize(
    "text", ["", "[]", "a: [", "current-context: x", "clusters: 3\ncontexts: 4", "\x00"]
)
def test_a_file_that_is_none_is_told_in_two_lines(tmp_path, text):
    (tmp_path / "file").write_text(text)
    with pytest.raises(WhowokeError, match="can't be asked by") as caught:
        connect(tmp_path / "file")
    assert caught.value.hint
    assert "\n" not in str(caught.value)


def test_a_missing_extra_is_told(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setitem(sys.modules, "lightkube", None)
    with pytest.raises(UnsupportedError, match="lightkube isn't installed") as caught:
        connect(tmp_path / "file")
    assert "whowoke[kube]" in caught.value.hint


def found(**changes):
    """A pod as the library gives it."""
    status = SimpleNamespace(
        initContainerStatuses=None,
        containerStatuses=[
            SimpleNamespace(containerID=f"containerd://{'ab' * 32}", name="manager", image="op:1"),
            SimpleNamespace(containerID=None, name="waiting", image="\x1b[31m"),
        ],
    )
    about = {"namespace": "ns", "name": "op-0", "uid": UID, "annotations": None} | changes
    return SimpleNamespace(metadata=SimpleNamespace(**about), status=status)


def test_what_a_pod_is():
    (pod,) = Pods(lambda **_: iter([found()])).named("ns", "op-0")
    assert (pod.namespace, pod.name, pod.uids) == ("ns", "op-0", {UID})
    assert pod.containers == {"ab" * 32: ("manager", "op:1")}


def test_what_no_pod_can_be_called_is_left_out():
    strange = found(name="../x", uid="\n", annotations={"kubernetes.io/config.hash": "ab" * 16})
    (pod,) = Pods(lambda **_: iter([strange])).everywhere()
    assert (pod.name, pod.uids) == ("", {"ab" * 16})


def test_what_is_asked():
    asked = []
    pods = Pods(lambda **query: asked.append(query) or iter(()))
    pods.named("ns", "op-0")
    pods.labelled({"app": "op"})
    pods.labelled({"app": "op"}, "ns")
    assert asked == [
        {"namespace": "ns", "fields": {"metadata.name": "op-0"}},
        {"namespace": "*", "labels": {"app": "op"}},
        {"namespace": "ns", "labels": {"app": "op"}},
    ]
