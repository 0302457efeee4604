"""Processes found by pod, labels and name on a machine made of files; who they are told to be."""

import json
import os
import time

import pytest

from tests.unit.machines import HERTZ, NOT_GO, Machine, pod_cgroup
from whowoke.analysis.errors import UnsupportedError, WhowokeError
from whowoke.tracer.finding import choosing, search
from whowoke.tracer.finding.choosing import SeveralError, choose, table
from whowoke.tracer.finding.host import Host
from whowoke.tracer.finding.kubernetes import Pod, Pods
from whowoke.tracer.finding.names import Identity, checked
from whowoke.tracer.finding.ownwords import file_in_root
from whowoke.tracer.finding.search import Search
from whowoke.tracer.finding.selection import Likeness, PodName, Selection, parse_labels

UID, UID2 = "0f1c2d3e-4a5b-6c7d-8e9f-a0b1c2d3e4f5", "1f1c2d3e-4a5b-6c7d-8e9f-a0b1c2d3e4f5"
ID, ID2, ID3 = "ab" * 32, "cd" * 32, "ef" * 32
IN_CLUSTER = "KUBERNETES_SERVICE_HOST=10.0.0.1"
NAMESPACE = "root/var/run/secrets/kubernetes.io/serviceaccount/namespace"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    monkeypatch.setattr(search, "connect", lambda _: None)
    monkeypatch.setattr(search, "RESTING", 0.0)
    return Machine(tmp_path / "machine")


def find(machine, **selection):
    return Search(Selection(**selection), Host(machine.root))


def identity(machine, pid):
    return find(machine, pids=(pid,)).identity(pid)


# ---------------------------------------------------------------- who it is


def test_a_container_has_the_names_that_its_runtime_keeps(machine):
    machine.process(7, cgroup=pod_cgroup(UID, ID))
    machine.bundle(ID, "ns", "op-0", "manager", "example.com/op:1.2@sha256:ab")
    assert identity(machine, 7) == Identity(
        ID, "containerd", UID, "ns", "op-0", "manager", "example.com/op:1.2@sha256:ab", "runtime"
    )
    assert identity(machine, 7).place == "ns/op-0/manager"


def test_cri_o_and_docker_keep_them_elsewhere(machine):
    labels = {
        "io.kubernetes.pod.namespace": "ns",
        "io.kubernetes.pod.name": "op-0",
        "io.kubernetes.container.name": "manager",
    }
    machine.process(7, cgroup=pod_cgroup(UID, ID, "crio"))
    annotations = labels | {"io.kubernetes.cri-o.ImageName": "quay.io/op:2"}
    folder = f"run/containers/storage/overlay-containers/{ID}/userdata"
    machine.file(f"{folder}/config.json", json.dumps({"annotations": annotations}))
    machine.process(8, cgroup=f"/kubepods/burstable/pod{UID}/{ID2}")
    config = {"Config": {"Image": "op:3", "Labels": labels}}
    machine.file(f"var/lib/docker/containers/{ID2}/config.v2.json", json.dumps(config))
    assert identity(machine, 7) == Identity(
        ID, "cri-o", UID, "ns", "op-0", "manager", "quay.io/op:2", "runtime"
    )
    assert identity(machine, 8) == Identity(
        ID2, "docker", UID, "ns", "op-0", "manager", "op:3", "runtime"
    )


def test_the_kubelet_names_its_logs_after_pods(machine):
    machine.process(7, cgroup=pod_cgroup(UID, ID))
    machine.process(8, cgroup=pod_cgroup(UID2, ID2))
    machine.file(f"var/log/containers/op-0_ns_manager-{ID}.log", "")
    machine.file(f"var/log/pods/other_web-1_{UID2}/web/0.log", "")
    assert identity(machine, 7).described() | {"runtime": ""} == {
        "container_id": ID, "pod_uid": UID, "runtime": "", "namespace": "ns", "pod": "op-0",
        "container": "manager", "told_by": "kubelet",
    }  # fmt: skip
    assert identity(machine, 8).place == "other/web-1"


def test_a_process_may_say_it_itself(machine):
    folder = machine.process(7, cgroup="/", environ=[IN_CLUSTER, "HOSTNAME=op-0", "HOSTNAME=x"])
    (folder / NAMESPACE).parent.mkdir(parents=True)
    (folder / NAMESPACE).write_text("ns\n")
    assert identity(machine, 7) == Identity(namespace="ns", pod="op-0", told_by="process")


def test_with_the_machines_network_the_hostname_is_no_pod(machine):
    words = [IN_CLUSTER, "HOSTNAME=node-1", "POD_NAMESPACE=ns"]
    machine.process(7, environ=words, namespace="host")
    machine.process(8, environ=[*words, "POD_NAME=op-0"], namespace="host")
    assert identity(machine, 7).pod == ""
    assert identity(machine, 8).place == "ns/op-0"


def test_a_process_that_is_told_of_no_cluster_is_in_none(machine):
    machine.process(7, environ=["HOSTNAME=op-0"])
    assert identity(machine, 7) == Identity()


@pytest.mark.parametrize(
    "text",
    ["a/b", "..", "\x1b[31mred", "A", "a" * 300, "a\nb", "=cmd()", "", "a_b", "-rf", "a\u202eb"],
)
def test_names_that_none_may_have_are_not_taken(machine, text):
    machine.bundle(ID, text, text, text, f"{text} x")
    machine.process(7, cgroup=pod_cgroup(UID, ID))
    machine.process(8, environ=[IN_CLUSTER, f"HOSTNAME={text}", f"POD_NAMESPACE={text}"])
    assert identity(machine, 7) == Identity(ID, "containerd", UID)
    assert identity(machine, 8) == Identity()


@pytest.mark.parametrize("text", ["", "[", "[1]", '{"annotations": 3}', "[" * 100_000, "\xff"])
def test_files_that_hold_something_else_say_nothing(machine, text):
    folder = f"run/containerd/io.containerd.runtime.v2.task/k8s.io/{ID}"
    machine.file(f"{folder}/config.json", text)
    machine.process(7, cgroup=pod_cgroup(UID, ID))
    assert identity(machine, 7) == Identity(ID, "containerd", UID)


def test_a_container_cannot_have_us_read_the_machines_files(machine, tmp_path):
    """An absolute link in its root leads below its root; devices and pipes aren't opened."""
    folder = machine.process(7)
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (folder / "root" / "link").symlink_to(secret)
    (folder / "root" / "up").symlink_to("../" * 20 + str(secret))
    os.mkfifo(folder / "root" / "pipe")
    (folder / "root" / "folder").mkdir()
    (folder / "root" / "plain").write_text("x" * 100_000)
    host = Host(machine.root)
    for name in ("link", "up", "pipe", "folder", "nothing"):
        assert file_in_root(host, 7, name) == ""
    assert file_in_root(host, 7, "plain") == "x" * 65536
    assert file_in_root(host, 8, "plain") == ""


# ---------------------------------------------------------------- by pod


def pids(search):
    return [found.pid for found in search.all()]


def three(machine):
    """A pod with a Go program and a helper, and another pod."""
    machine.process(7, "manager", cgroup=pod_cgroup(UID, ID), start=5)
    machine.process(8, "pause", NOT_GO, cgroup=pod_cgroup(UID, ID2))
    machine.process(9, "manager", cgroup=pod_cgroup(UID2, ID3))
    machine.bundle(ID, "ns", "op-0", "manager", "op:1")
    machine.bundle(ID2, "ns", "op-0", "", "")
    machine.bundle(ID3, "ns", "op-1", "manager", "op:1")


def test_a_pods_processes(machine):
    three(machine)
    assert pids(find(machine, pod=PodName("ns", "op-0"))) == [7, 8]
    assert pids(find(machine, pod=PodName("ns", "op-0", "manager"))) == [7, 8], "or not known"
    assert pids(find(machine, pod=PodName("ns", "op-0", "other"))) == [8]
    assert pids(find(machine, pod=PodName("other", "op-0"))) == []
    assert pids(find(machine, name="manag*")) == [7, 9]


def test_a_pod_may_be_named_by_its_uid(machine):
    three(machine)
    machine.process(21, "manager", cgroup=pod_cgroup("2" + UID[1:], "12" * 32))
    assert pids(find(machine, pod=PodName.parse(UID))) == [7, 8]
    assert pids(find(machine, pod=PodName.parse(f"{UID}/other"))) == [8]
    assert pids(find(machine, pod=PodName.parse("2" + UID[1:]))) == [21]
    assert str(PodName.parse(f"{UID}/manager")) == f"{UID}/manager"


def test_of_a_pods_processes_the_go_program_is_meant(machine, opened):
    three(machine)
    choose(find(machine, pod=PodName("ns", "op-0")), Host(machine.root))
    assert opened == [(7, 5)]


@pytest.fixture
def opened(monkeypatch):
    """What is opened, in place of processes that are only files."""
    asked = []

    def open_all(wanted):
        asked.extend(wanted)

    monkeypatch.setattr(choosing, "_open_all", open_all)
    return asked


def test_several_are_listed(machine, opened):
    three(machine)
    with pytest.raises(SeveralError, match="2 processes are called 'manager'") as caught:
        choose(find(machine, name="manager"), Host(machine.root))
    head, *rows = caught.value.rows
    assert head.split() == ["PID", "NAME", "CONTAINER", "POD", "STARTED", "GO"]
    assert [row.split()[:4] for row in rows] == [
        ["7", "manager", "manager", "ns/op-0"],
        ["9", "manager", "manager", "ns/op-1"],
    ]
    assert all(row.split()[5].startswith("go1.") for row in rows)
    choose(find(machine, name="manager", everything=True), Host(machine.root))
    assert [pid for pid, _ in opened] == [7, 9]


@pytest.mark.parametrize(
    "selection", [{"name": "manager", "everything": True}, {"labels": (("app", "op"),)}]
)
def test_several_are_listed_where_one_is_looked_at(machine, monkeypatch, opened, selection):
    three(machine)
    Api(monkeypatch, pod("op-0", UID), pod("op-1", UID2))
    with pytest.raises(SeveralError, match="2 processes are ") as caught:
        choose(find(machine, **selection), Host(machine.root), at_most=1)
    assert [row.split()[0] for row in caught.value.rows if "not Go" not in row] == ["PID", "7", "9"]
    assert caught.value.hint == "choose one with -p PID"
    assert opened == []
    Api(monkeypatch, pod("op-0", UID))
    choose(find(machine, labels=(("app", "op"),)), Host(machine.root), at_most=1)
    assert opened == [(7, 5)]


def test_the_list_says_what_is_not_go(machine):
    three(machine)
    rows = table(find(machine, pod=PodName("ns", "op-0")).all(), Host(machine.root))
    assert rows[2].endswith("not Go")
    assert rows[2].split()[:3] == ["8", "pause", ID2[:12]]


def test_none_is_told_in_two_lines(machine):
    three(machine)
    for selection, words in (
        ({"pod": PodName("ns", "gone")}, ("of pod ns/gone", "--kubeconfig")),
        ({"labels": (("app", "op"),)}, ("of pods with app=op", "--kubeconfig")),
        ({"name": "nobody"}, ("called 'nobody'", "-p PID")),
    ):
        with pytest.raises(WhowokeError) as caught:
            choose(find(machine, **selection), Host(machine.root))
        assert words[0] in str(caught.value)
        assert words[1] in caught.value.hint
    with pytest.raises(UnsupportedError, match=r"no Go program is .*: 8 \(pause\)"):
        choose(find(machine, name="pause"), Host(machine.root))


def test_what_is_gone_or_never_was_a_program_is_not_found(machine):
    machine.process(7, "op", state="Z")
    folder = machine.process(8, "op")
    (folder / "exe").unlink()
    (machine.process(9, "op") / "stat").unlink()
    assert pids(find(machine, name="op")) == []


# ---------------------------------------------------------------- by labels, with the API


class Api:
    """A cluster in place of the real one; ``asked`` counts the questions."""

    def __init__(self, monkeypatch, *pods):
        self.pods, self.asked = list(pods), 0
        monkeypatch.setattr(search, "connect", lambda _: self)

    def labelled(self, _labels=None, _namespace=""):
        self.asked += 1
        return list(self.pods)

    def named(self, _namespace, _name):
        return self.labelled({})

    everywhere = labelled


def pod(name, *uids, **containers):
    return Pod("ns", name, frozenset(uids), containers)


def test_labels_are_known_to_the_api(machine, monkeypatch):
    three(machine)
    Api(monkeypatch, pod("op-0", UID, **{ID: ("manager", "op:1")}), pod("op-1", UID2))
    found = find(machine, labels=(("app", "op"),)).all()
    assert [one.pid for one in found] == [7, 8, 9]
    assert found[0].identity == Identity(
        ID, "containerd", UID, "ns", "op-0", "manager", "op:1", "api"
    )
    assert found[2].identity.container == "manager", "of the runtime, where the API doesn't know"
    assert pids(find(machine, labels=(("app", "op"),), container="manager")) == [7, 9]


def test_a_pid_is_told_by_the_api_that_was_named(machine, monkeypatch, tmp_path):
    three(machine)
    Api(monkeypatch, pod("op-0", UID, **{ID: ("manager", "op:1")}))
    assert identity(machine, 7).told_by == "runtime"
    found = find(machine, pids=(7,), kubeconfig=tmp_path).identity(7)
    assert (found.told_by, found.image) == ("api", "op:1")


def test_a_static_pod_is_known_by_its_hash(machine, monkeypatch):
    digest = "8b2b1a9d5e3f4c6a7d8e9f0a1b2c3d4e"
    machine.process(7, cgroup=f"/kubepods/burstable/pod{digest}/{ID}")
    Api(monkeypatch, pod("kube-x", UID, digest))
    assert pids(find(machine, pod=PodName("ns", "kube-x"))) == [7]


def test_where_the_api_knows_nobody_says_who_he_is(machine, monkeypatch):
    words = [IN_CLUSTER, "HOSTNAME=op-0", "POD_NAMESPACE=ns"]
    machine.process(7, environ=words)
    wanted = {"pod": PodName("ns", "op-0")}
    assert pids(find(machine, **wanted)) == [7]
    Api(monkeypatch, pod("op-0", UID))
    assert pids(find(machine, **wanted)) == []


def test_without_the_api_a_pod_may_have_its_labels_mounted(machine):
    folder = machine.process(7, environ=[IN_CLUSTER])
    (folder / "root" / "etc" / "podinfo").mkdir(parents=True)
    (folder / "root" / "etc" / "podinfo" / "labels").write_text('app="op"\ntier="a"\n')
    machine.process(8, environ=[IN_CLUSTER])
    assert pids(find(machine, labels=(("app", "op"),))) == [7]
    assert pids(find(machine, labels=(("app", "op"), ("tier", "b")))) == []


def test_an_api_that_fails_is_told_where_it_is_needed(machine, monkeypatch):
    three(machine)

    def refuse(**_):
        raise OSError("connection refused\nsecond line")

    monkeypatch.setattr(search, "connect", lambda _: Pods(refuse))
    with pytest.raises(WhowokeError, match="no pods: connection refused$"):
        find(machine, labels=(("app", "op"),)).all()
    assert pids(find(machine, pod=PodName("ns", "op-0"))) == [7, 8], "the machine knows it"
    with pytest.raises(WhowokeError) as caught:
        choose(find(machine, pod=PodName("ns", "gone")), Host(machine.root))
    assert "connection refused" in caught.value.hint


# ---------------------------------------------------------------- what follows


def known(*found):
    return {(one.pid, one.start_ticks) for one in found}


def test_a_restarted_container_is_found_again(machine):
    three(machine)
    looking = find(machine, pod=PodName("ns", "op-0"))
    (first,) = (one for one in looking.all() if one.pid == 7)
    assert looking.newcomers(known(first)) == []
    machine.end(7)
    assert looking.newcomers(known(first)) == []
    machine.process(21, "manager", cgroup=pod_cgroup(UID, "12" * 32), start=900)
    machine.bundle("12" * 32, "ns", "op-0", "manager", "op:1")
    (second,) = looking.newcomers(known(first))
    assert (second.pid, second.identity.place) == (21, "ns/op-0/manager")
    assert looking.newcomers(known(first, second)) == []


def test_the_same_pid_may_come_again(machine):
    machine.process(7, "op", start=100)
    looking = find(machine, name="op")
    (first,) = looking.all()
    machine.end(7)
    machine.process(7, "op", start=200)
    assert [one.start_ticks for one in looking.newcomers(known(first))] == [200]


def test_what_sets_a_container_up_is_not_yet_it(machine):
    """runc is a Go program in the container's cgroup, until it becomes the container's."""
    machine.bundle(ID, "ns", "op-0", "manager", "op:1")
    start = int(time.clock_gettime(time.CLOCK_BOOTTIME) * HERTZ)
    folder = machine.process(7, "runc:[2:INIT]", cgroup=pod_cgroup(UID, ID), start=start)
    looking = find(machine, pod=PodName("ns", "op-0"))
    assert looking.newcomers(set()) == []
    (folder / "comm").write_text("manager\n")
    assert [one.pid for one in looking.newcomers(set())] == [7]


def test_a_young_process_is_looked_at_again_and_an_old_one_is_not(machine, monkeypatch):
    now_s = 1000.0
    monkeypatch.setattr(search.time, "clock_gettime", lambda _: now_s)
    young = machine.process(7, "sh", start=int(999 * HERTZ))
    old = machine.process(8, "sh", start=int(10 * HERTZ))
    looking = find(machine, name="op")
    assert looking.newcomers(set()) == []
    for folder in (young, old):
        (folder / "comm").write_text("op\n")
    assert [one.pid for one in looking.newcomers(set())] == [7]


def test_the_older_a_process_the_rarer_is_it_looked_at(machine, monkeypatch):
    monkeypatch.setattr(search, "RESTING", 0.25)
    now_s = time.clock_gettime(time.CLOCK_BOOTTIME)
    for pid, age_s in ((7, 0.0), (8, 40.0), (9, 400.0)):
        machine.process(pid, "sh", start=int((now_s - age_s) * HERTZ))
    looking = find(machine, name="op")
    looked, passed_s = [], [0.0]
    begin_s = time.monotonic()
    monkeypatch.setattr(search.time, "monotonic", lambda: begin_s + passed_s[0])
    looking.newcomers(set())
    monkeypatch.setattr(looking, "_look", looked.append)
    for passed_s[0], expected in ((5, [7]), (30, [7, 8]), (10_000, [7, 8])):
        looked.clear()
        looking.newcomers(set())
        assert [pid for pid in looked if pid != 1] == expected


def test_pods_that_came_later_are_asked_for_now_and_then(machine, monkeypatch):
    three(machine)
    api = Api(monkeypatch, pod("op-0", UID))
    looking = find(machine, labels=(("app", "op"),))
    first = looking.all()
    assert [one.pid for one in first] == [7, 8]
    api.pods.append(pod("op-2", "2" + UID[1:]))
    start = int(time.clock_gettime(time.CLOCK_BOOTTIME) * HERTZ)
    machine.process(21, "manager", cgroup=pod_cgroup("2" + UID[1:], "12" * 32), start=start)
    assert looking.newcomers(known(*first)) == [], "not at once"
    assert api.asked == 1
    monkeypatch.setattr(search, "API_INTERVAL_S", 0.0)
    assert [one.pid for one in looking.newcomers(known(*first))] == [21]


def test_an_api_that_fails_later_ends_nothing(machine, monkeypatch):
    three(machine)
    api = Api(monkeypatch, pod("op-0", UID))
    looking = find(machine, labels=(("app", "op"),))
    first = looking.all()
    monkeypatch.setattr(search, "API_INTERVAL_S", 0.0)
    start = int(time.clock_gettime(time.CLOCK_BOOTTIME) * HERTZ)
    machine.process(21, "manager", cgroup=pod_cgroup(UID2, "12" * 32), start=start)

    def refuse(*_):
        api.asked += 1
        raise WhowokeError("gone")

    monkeypatch.setattr(api, "labelled", refuse)
    assert looking.newcomers(known(*first)) == []
    monkeypatch.setattr(search, "API_INTERVAL_S", 60.0)
    asked = api.asked
    assert looking.newcomers(known(*first)) == []
    assert api.asked == asked, "nor is it asked again and again"


def test_likeness():
    own = Identity(ID, "", UID, "ns", "op-0", "manager")
    like = Likeness("/op", own)
    assert like.fits("/op", Identity(ID2, "", UID2, "ns", "op-0", "manager"))
    assert like.fits("/op (deleted)", own)
    assert like.fits("/op", Identity(ID2, "", UID, "ns", "op-0")), "not known by its name yet"
    assert not like.fits("/op", Identity(ID2, "", UID, "ns", "op-1"))
    assert not like.fits("/other", own)
    assert not like.fits("/op", Identity(ID2, "", UID, "ns", "op-0", "other"))
    assert Likeness("/op", Identity()).fits("/op", Identity())
    assert not Likeness("/op", Identity()).fits("/op", own)
    assert Likeness("/op", Identity(ID)).fits("/op", Identity(ID))


@pytest.mark.parametrize("text", ["a", "a=", "=b", "a=b,", "a in (b)", "a!=b", "a=b;c=d"])
def test_selectors_are_labels_only(text):
    if text == "a=":
        assert parse_labels(text) == (("a", ""),)
        return
    with pytest.raises(WhowokeError):
        parse_labels(text)


def test_only_what_can_be_a_name_is_one():
    assert checked("pod", "op-7d9f.x") == "op-7d9f.x"
    assert [checked("namespace", value) for value in (None, 3, ["a"], b"a")] == [""] * 4
