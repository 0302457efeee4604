"""Functions and stacks as they stand in the binary of a controller-runtime operator."""

SHAPE = "go.shape.struct { k8s.io/apimachinery/pkg/types.NamespacedName }"
CR = "sigs.k8s.io/controller-runtime/pkg"
PQ = f"{CR}/controller/priorityqueue.(*priorityqueue[{SHAPE}])"
CACHE = "k8s.io/client-go/tools/cache"
H2 = "golang.org/x/net/http2"

SEND_TIME = "time.sendTime"
SLEEP = "runtime.goroutineReady"
AFTER_FUNC = "time.goFunc"

# What goroutines wait in, innermost first.
IN_METRICS = ("runtime.selectgo", f"{PQ}.updateUnfinishedWorkLoop")
IN_LOG = ("runtime.selectgo", f"{PQ}.logState")
IN_WAITING = ("runtime.selectgo", f"{PQ}.handleWaitingItems")
IN_ADD_BUFFER = ("runtime.selectgo", f"{PQ}.handleAddBuffer")
IN_READY = ("runtime.selectgo", f"{PQ}.handleReadyItems")
IN_GET = ("runtime.selectgo", f"{PQ}.GetWithPriority")
IN_RESYNC = ("runtime.selectgo", f"{CACHE}.(*Reflector).startResync")
IN_RENEW = (
    "runtime.selectgo",
    "k8s.io/apimachinery/pkg/util/wait.BackoffUntilWithContext",
    "k8s.io/client-go/tools/leaderelection.(*LeaderElector).renew",
)
IN_POP = ("sync.(*Cond).Wait", f"{CACHE}.(*RealFIFO).Pop")
IN_LISTENER = ("runtime.chanrecv", f"{CACHE}.(*processorListener).run")
IN_READ_LOOP = (
    "internal/poll.runtime_pollWait",
    "crypto/tls.(*Conn).Read",
    f"{H2}.(*clientConnReadLoop).run",
)
IN_ROUND_TRIP = (
    "runtime.selectgo",
    f"{H2}.(*ClientConn).roundTrip",
    "k8s.io/client-go/rest.(*Request).Do",
)
IN_WATCH = (
    "sync.(*Cond).Wait",
    f"{H2}.transportResponseBody.Read",
    "k8s.io/apimachinery/pkg/watch.(*StreamWatcher).receive",
)
IN_REFLECTOR = ("runtime.selectgo", f"{CACHE}.handleAnyWatch", f"{CACHE}.(*Reflector).watch")
IN_DO_REQUEST = (
    "runtime.selectgo",
    f"{H2}.(*clientStream).writeRequest",
    f"{H2}.(*clientStream).doRequest",
)
IN_ACCEPT = ("internal/poll.runtime_pollWait", "net.(*netFD).accept", "net/http.(*Server).Serve")
IN_CONN = ("internal/poll.runtime_pollWait", "bufio.(*Reader).Peek", "net/http.(*conn).serve")
IN_FRAMES = (
    "internal/poll.runtime_pollWait",
    "net/http.(*http2serverConn).readFrames",
)
IN_H2_SERVE = ("runtime.selectgo", "net/http.(*http2serverConn).serve", "net/http.(*conn).serve")
IN_OWN_READ = ("internal/poll.runtime_pollWait", "net.(*conn).Read", "main.(*client).listen@21")
IN_LOCK = ("internal/sync.runtime_SemacquireMutex", "sync.(*Mutex).lockSlow", "main.work")
IN_POLLER = ("runtime.selectgo", "main.(*poller).Start")
IN_CHANNEL = ("runtime.chanrecv", f"{CR}/source.(*channel[...]).Start.func2")

BY_HANDLER = (
    f"{PQ}.AddWithOpts",
    f"{CR}/handler.(*TypedEnqueueRequestForObject[...]).Update",
    f"{CR}/internal/source.(*EventHandler[...]).OnUpdate",
    f"{CACHE}.(*processorListener).run",
)
BY_RESULT = (
    f"{PQ}.AddWithOpts",
    f"{CR}/internal/controller.(*Controller[{SHAPE}]).reconcileHandler",
)
BY_CHANNEL = (f"{PQ}.AddWithOpts", f"{CR}/source.(*channel[...]).Start.func2")
