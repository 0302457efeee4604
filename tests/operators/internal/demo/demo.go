// Package demo holds what the demo operators have in common: flags, manager options and the
// ConfigMaps they look after.
package demo

import (
	"context"
	"flag"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

const (
	ownerLabel = "app.kubernetes.io/managed-by"
	objects    = 3
)

// Settings of one operator.
type Settings struct {
	Name        string
	Namespace   string
	Period      time.Duration
	MetricsAddr string
	HealthAddr  string
	PprofAddr   string
	Classic     bool
}

// ParseFlags reads the command line and sets up the log.
func ParseFlags(name string) Settings {
	s := Settings{Name: name}
	flag.StringVar(&s.Namespace, "namespace", name, "namespace of the ConfigMaps and of the lease")
	flag.DurationVar(&s.Period, "period", 15*time.Second, "how often each ConfigMap is checked")
	flag.StringVar(&s.MetricsAddr, "metrics-addr", "127.0.0.1:8080", "address of the metrics, plain HTTP")
	flag.StringVar(&s.HealthAddr, "health-addr", "127.0.0.1:8081", "address of healthz and readyz")
	flag.StringVar(&s.PprofAddr, "pprof-addr", "0", "address of net/http/pprof, 0 for none")
	flag.BoolVar(&s.Classic, "classic", false, "use client-go's work queue, no priority queue")
	logging := zap.Options{}
	logging.BindFlags(flag.CommandLine)
	flag.Parse()
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&logging)))
	return s
}

// Labels select the operator's ConfigMaps.
func (s Settings) Labels() client.MatchingLabels {
	return client.MatchingLabels{ownerLabel: s.Name}
}

// Names of the operator's ConfigMaps.
func (s Settings) Names() []string {
	var names []string
	for i := range objects {
		names = append(names, fmt.Sprintf("%s-%d", s.Name, i))
	}
	return names
}

// ManagerOptions has leader election, probes and metrics on and caches only the operator's objects.
func (s Settings) ManagerOptions() ctrl.Options {
	return ctrl.Options{
		Metrics:                       metricsserver.Options{BindAddress: s.MetricsAddr},
		HealthProbeBindAddress:        s.HealthAddr,
		PprofBindAddress:              s.PprofAddr,
		LeaderElection:                true,
		LeaderElectionID:              s.Name + ".demo.example.com",
		LeaderElectionNamespace:       s.Namespace,
		LeaderElectionReleaseOnCancel: true,
		Controller:                    ctrlconfig.Controller{UsePriorityQueue: ptr.To(!s.Classic)},
		Cache: cache.Options{
			DefaultNamespaces: map[string]cache.Config{s.Namespace: {}},
			ByObject: map[client.Object]cache.ByObject{
				&corev1.ConfigMap{}: {Label: labels.SelectorFromSet(labels.Set(s.Labels()))},
			},
		},
	}
}

// NewManager makes a manager with probes, after the namespace and the ConfigMaps exist.
func (s Settings) NewManager(ctx context.Context, options ctrl.Options) (ctrl.Manager, error) {
	config, err := ctrl.GetConfig()
	if err != nil {
		return nil, err
	}
	direct, err := client.New(config, client.Options{})
	if err != nil {
		return nil, err
	}
	if err := s.createObjects(ctx, direct); err != nil {
		return nil, err
	}
	mgr, err := ctrl.NewManager(config, options)
	if err != nil {
		return nil, err
	}
	if err := mgr.AddHealthzCheck("healthz", healthz.Ping); err != nil {
		return nil, err
	}
	return mgr, mgr.AddReadyzCheck("readyz", healthz.Ping)
}

func (s Settings) createObjects(ctx context.Context, c client.Client) error {
	wanted := []client.Object{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.Namespace}}}
	for _, name := range s.Names() {
		wanted = append(wanted, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: name, Labels: s.Labels()},
			Data:       map[string]string{"greeting": "hello"},
		})
	}
	for _, object := range wanted {
		if err := c.Create(ctx, object); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	return nil
}
