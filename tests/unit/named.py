"""A capture that names objects, hosts and paths, for pages with and without these names."""

from tests.unit.askings import BY_HTTP, Asking
from tests.unit.go_stacks import IN_READ_LOOP

API = "10.77.88.99:6443"
DATABASE = "db.payments-prod.svc:6379"


class Named(Asking):
    """A capture whose objects lie in one namespace, that names hosts and paths, and has a log."""

    def text(self, text: str) -> int:
        return super().text("payments-prod" if text == "ns" else text)


def named() -> Named:
    c = Named()
    c.metadata |= {
        "name": "zebra-cluster",
        "command": ["/bin/op", "--namespace=payments-prod", "--db=db.payments-prod.svc:6379"],
        "executable": "/srv/payments-prod/op",
        "main_module": "example.com/giraffe",
        "missing": ["the Pod zebra-cluster-db of payments-prod"],
        "pod": {"name": "zebra-cluster-db"},
        "sockets": [{"fd": 9, "local": "10.77.88.99:4", "peer": "[fe80:dead::1]:443"}],
        "hosts": ["tenant-4711"],
    }
    c.at(1).peer(5, API)
    c.reader("Pod")
    for ms in (10, 20, 30):
        c.at(ms).descriptor(50, IN_READ_LOOP)
        for name in ("zebra-cluster", "zebra-cluster-db"):
            c.get(name)
            with c.run(name, after_ms=10):
                c.cached(name, "7")
                c.listed(2, 5)
                c.ask("GET", "/api/v1/namespaces/payments-prod/secrets/giraffe", host=API)
                c.answer()
                c.decoded("giraffe", "9", type_name="*v1.Secret")
                c.ask("GET", "/v1/customers/tenant-4711", host=DATABASE, stack=BY_HTTP)
                c.answer()
        c.serve(77, "/healthz")
        c.serve(78, "/customers/tenant-4711")
    return c
