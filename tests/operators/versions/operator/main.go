// Command operator reconciles its ConfigMaps every period for the reason that is asked for. It is
// built with many versions of controller-runtime; what differs between these is in api_*.go.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

const objects = 3

// queueOption is set by a file api_*.go that chooses the kind of queue.
var queueOption func(*ctrl.Options)

// Settings are the command line.
type Settings struct {
	Namespace, Mechanism, MetricsAddr, HealthAddr string
	Period                                        time.Duration
}

func main() {
	var s Settings
	flag.StringVar(&s.Namespace, "namespace", "operator", "namespace of ConfigMaps and lease")
	flag.StringVar(&s.Mechanism, "mechanism", "requeue", "requeue, mixed, reads, resync or ticker")
	flag.DurationVar(&s.Period, "period", 15*time.Second, "how often each ConfigMap is reconciled")
	flag.StringVar(&s.MetricsAddr, "metrics-addr", "127.0.0.1:8080", "address of the metrics")
	flag.StringVar(&s.HealthAddr, "health-addr", "127.0.0.1:8081", "address of the probes")
	flag.Parse()
	ctrl.SetLogger(zap.New())
	if err := run(s); err != nil {
		fmt.Fprintln(os.Stderr, "operator:", err)
		os.Exit(1)
	}
}

func run(s Settings) error {
	ctx := ctrl.SetupSignalHandler()
	config := ctrl.GetConfigOrDie()
	direct, err := client.New(config, client.Options{})
	if err != nil {
		return err
	}
	if err := create(ctx, direct, s.Namespace); err != nil {
		return err
	}
	options := ctrl.Options{
		HealthProbeBindAddress:  s.HealthAddr,
		LeaderElection:          true,
		LeaderElectionID:        "operator.example.com",
		LeaderElectionNamespace: s.Namespace,
		// Before 0.12 the default is a ConfigMap, too, of which each renewal is a watch event here.
		LeaderElectionResourceLock: "leases",
	}
	restrict(&options, s)
	if queueOption != nil {
		queueOption(&options)
	}
	mgr, err := ctrl.NewManager(config, options)
	if err != nil {
		return err
	}
	if err := mgr.AddHealthzCheck("healthz", healthz.Ping); err != nil {
		return err
	}
	events := make(chan event.GenericEvent)
	reconciler := &Reconciler{Client: mgr.GetClient()}
	switch s.Mechanism {
	case "requeue", "mixed":
		reconciler.After, reconciler.Mixed = s.Period, s.Mechanism == "mixed"
	case "reads":
		reconciler.After, reconciler.Reads = s.Period, &Reads{direct}
	case "ticker":
		if err := mgr.Add(&Poller{s, events}); err != nil {
			return err
		}
	}
	if err := register(mgr, reconciler, events); err != nil {
		return err
	}
	return mgr.Start(ctx)
}

func create(ctx context.Context, c client.Client, namespace string) error {
	wanted := []client.Object{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}}
	for i := 0; i < objects; i++ {
		meta := metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprint("stock-", i)}
		wanted = append(wanted, &corev1.ConfigMap{ObjectMeta: meta})
	}
	for _, object := range wanted {
		if err := c.Create(ctx, object); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	return nil
}

// note writes a line of the diary, which tests open after the verdict.
func note(what, about string) {
	var now syscall.Timespec
	const clockMonotonic = 1
	_, _, _ = syscall.RawSyscall(
		syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&now)), 0)
	fmt.Printf("@ %d %s %s\n", now.Nano(), what, about)
}
