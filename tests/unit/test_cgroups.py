"""Container and pod of a process, in all forms in which runtimes and drivers write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whowoke.tracer.finding.cgroups import Membership, membership

UID = "0f1c2d3e-4a5b-6c7d-8e9f-a0b1c2d3e4f5"
UNDER = UID.replace("-", "_")
STATIC = "8b2b1a9d5e3f4c6a7d8e9f0a1b2c3d4e"
ID = "ab" * 32
OTHER = "cd" * 32
V1 = ("12:pids", "11:memory", "4:cpu,cpuacct", "1:name=systemd")
SLICE = f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{UNDER}.slice"

PATHS = {
    "containerd, systemd": (f"{SLICE}/cri-containerd-{ID}.scope", "containerd"),
    "containerd, cgroupfs": (f"/kubepods/burstable/pod{UID}/{ID}", ""),
    "guaranteed": (f"/kubepods/pod{UID}/{ID}", ""),
    "guaranteed, systemd": (
        f"/kubepods.slice/kubepods-pod{UNDER}.slice/cri-containerd-{ID}.scope", "containerd"
    ),
    "cri-o, systemd": (f"{SLICE}/crio-{ID}.scope", "cri-o"),
    "cri-o, systemd, crun": (f"{SLICE}/crio-{ID}.scope/container", "cri-o"),
    "cri-o, cgroupfs": (f"/kubepods/besteffort/pod{UID}/crio-{ID}", "cri-o"),
    "docker, systemd": (f"{SLICE}/docker-{ID}.scope", "docker"),
    "containerd, its service above": (
        f"/system.slice/containerd.service/{SLICE.split('/')[-1]}:cri-containerd:{ID}", "containerd"
    ),
    "kind": (
        f"/kubelet.slice{SLICE.replace('/kube', '/kubelet-kube')}/cri-containerd-{ID}.scope",
        "containerd",
    ),
    "kind seen from its machine": (
        f"/docker/{OTHER}/kubelet/kubepods/burstable/pod{UID}/{ID}", ""
    ),
    "from another cgroup namespace": (f"/../../..{SLICE}/cri-containerd-{ID}.scope", "containerd"),
    "systemd inside of the container": (
        f"{SLICE}/cri-containerd-{ID}.scope/init.scope", "containerd"
    ),
    "removed": (f"{SLICE}/cri-containerd-{ID}.scope (deleted)", "containerd"),
}  # fmt: skip


@pytest.mark.parametrize("form", PATHS)
def test_a_container_of_a_pod(form):
    path, runtime = PATHS[form]
    expected = Membership(ID, UID, runtime)
    assert membership(f"0::{path}\n") == expected
    assert membership("".join(f"{line}:{path}\n" for line in V1)) == expected


@pytest.mark.parametrize(
    ("path", "runtime"),
    [
        (f"/docker/{ID}", "docker"),
        (f"/system.slice/docker-{ID}.scope", "docker"),
        (f"/machine.slice/libpod-{ID}.scope/container", "podman"),
        (f"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope", "podman"),
        (f"/default/{ID}", ""),
        (f"/system.slice/nerdctl-{ID}.scope", "containerd"),
    ],
)
def test_a_container_without_a_pod(path, runtime):
    assert membership(f"0::{path}\n") == Membership(ID, "", runtime)


def test_a_static_pod_has_a_hash_for_a_uid():
    path = f"/kubepods/burstable/pod{STATIC}/{ID}"
    assert membership(f"0::{path}\n") == Membership(ID, STATIC)


def test_of_several_hierarchies_the_one_that_knows_counts():
    text = f"12:rdma:/\n11:memory:/docker/{OTHER}\n4:cpu:/kubepods/pod{UID}/{ID}\n0::/\n"
    assert membership(text) == Membership(ID, UID)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/user.slice/user-1000.slice/session-3.scope",
        "/system.slice/containerd.service",
        f"/system.slice/crio-conmon-{ID}.scope",
        f"/system.slice/{ID[:63]}",
        f"/system.slice/{ID}0",
        f"/system.slice/x{ID}.scope",
        f"/system.slice/{ID.upper()}",
    ],
)
def test_outside_of_containers(path):
    assert membership(f"0::{path}\n") == Membership()


def test_the_monitor_of_a_container_is_not_in_it():
    assert membership(f"0::{SLICE}/crio-conmon-{ID}.scope\n") == Membership(pod_uid=UID)


def test_what_a_container_makes_below_itself_does_not_count():
    """With a delegated cgroup it may call those below as it likes."""
    fake = f"kubepods/pod{UID[::-1]}/{OTHER}"
    for below in (
        fake,
        f"pod11111111-1111-1111-1111-111111111111/{OTHER}",
        f"docker-{OTHER}.scope",
    ):
        found = membership(f"0::{SLICE}/cri-containerd-{ID}.scope/{below}\n")
        assert found == Membership(ID, UID, "containerd")


@given(st.text(max_size=2000))
def test_any_text_is_read_without_an_error(text):
    found = membership(text)
    assert found.container_id == "" or len(found.container_id) == 64


def test_a_long_text_takes_no_time():
    assert membership("0::" + "/pod" * 200_000) == Membership()
    assert membership("0::" + "/a-" * 200_000) == Membership()
    assert membership("0::/" + "a-" * 200_000) == Membership()
    assert membership("x\n" * 200_000) == Membership()
