// Command fakewatch may neither list nor watch ConfigMaps, only get them. Its informer tries to list
// them again and again; a poller gets each of them every period and tells what changed.
package main

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"

	"whowoke.test/operators/internal/demo"
)

// Poller stands in for the watch.
type Poller struct {
	demo.Settings
	core  *corev1client.CoreV1Client
	known map[string]string
}

func main() {
	demo.Main("fakewatch", nil, func(_ context.Context, mgr ctrl.Manager, s demo.Settings) error {
		limited, err := demo.Limited(mgr.GetConfig(), s, "get")
		if err != nil {
			return err
		}
		core, err := corev1client.NewForConfig(limited)
		if err != nil {
			return err
		}
		if _, err := demo.NewStock(mgr, s); err != nil {
			return err
		}
		return mgr.Add(&Poller{s, core, map[string]string{}})
	})
}

// Start runs until ctx ends.
func (p *Poller) Start(ctx context.Context) error {
	all := cache.NewListWatchFromClient(p.core.RESTClient(), "configmaps", p.Namespace, fields.Everything())
	go cache.NewSharedIndexInformer(all, &corev1.ConfigMap{}, 0, nil).RunWithContext(ctx)
	ticker := time.NewTicker(p.Period) //@arms
	defer ticker.Stop()
	for {
		select { //@waits
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			demo.Note("tick", "")
			if err := p.poll(ctx); err != nil {
				return err
			}
		}
	}
}

func (p *Poller) poll(ctx context.Context) error {
	for _, name := range p.Names() {
		found, err := p.core.ConfigMaps(p.Namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if p.known[name] != found.ResourceVersion {
			demo.Note("changed", name)
		}
		p.known[name] = found.ResourceVersion
	}
	return nil
}
