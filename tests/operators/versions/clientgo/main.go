// Command clientgo is a controller in the shape of Kubernetes' sample-controller: informer, work queue
// and workers, no controller-runtime. It handles its ConfigMaps every period for the reason that is
// asked for. It is built with many versions of client-go; what differs is in api_*.go.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
	"unsafe"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

const objects = 3

func main() {
	kubeconfig := flag.String("kubeconfig", "", "how to reach the API server")
	namespace := flag.String("namespace", "clientgo", "namespace of the ConfigMaps")
	mechanism := flag.String("mechanism", "requeue", "requeue, error, reads, resync or ticker")
	period := flag.Duration("period", 15*time.Second, "how often each ConfigMap is handled")
	health := flag.String("health-addr", "127.0.0.1:8081", "address of the probe")
	_ = flag.String("metrics-addr", "", "ignored")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, *kubeconfig, *namespace, *mechanism, *health, *period); err != nil {
		fmt.Fprintln(os.Stderr, "clientgo:", err)
		os.Exit(1)
	}
}

func run(
	ctx context.Context, kubeconfig, namespace, mechanism, health string, period time.Duration,
) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = 50
	core, err := corev1client.NewForConfig(config)
	if err != nil {
		return err
	}
	if err := create(ctx, core, namespace); err != nil {
		return err
	}
	resync := time.Duration(0)
	if mechanism == "resync" {
		resync = period
	}
	source := cache.NewListWatchFromClient(
		core.RESTClient(), "configmaps", namespace, fields.Everything())
	indexers := cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc}
	informer := cache.NewSharedIndexInformer(source, &corev1.ConfigMap{}, resync, indexers)
	controller := NewController(informer, mechanism, period)
	if mechanism == "reads" {
		controller.reads = &Reads{listers.NewConfigMapLister(informer.GetIndexer()), core}
	}
	go informer.Run(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return ctx.Err()
	}
	go controller.Run(ctx)
	http.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	go func() { _ = http.ListenAndServe(health, nil) }()
	<-ctx.Done()
	return nil
}

func create(ctx context.Context, core corev1client.CoreV1Interface, namespace string) error {
	_, err := core.Namespaces().Create(ctx,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
	for i := 0; i < objects && (err == nil || apierrors.IsAlreadyExists(err)); i++ {
		meta := metav1.ObjectMeta{Name: fmt.Sprint("stock-", i)}
		_, err = core.ConfigMaps(namespace).Create(ctx,
			&corev1.ConfigMap{ObjectMeta: meta}, metav1.CreateOptions{})
	}
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// note writes a line of the diary, which tests open after the verdict.
func note(what, about string) {
	var now syscall.Timespec
	const clockMonotonic = 1
	_, _, _ = syscall.RawSyscall(
		syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&now)), 0)
	fmt.Printf("@ %d %s %s\n", now.Nano(), what, about)
}
