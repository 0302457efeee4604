// Command fakewatch may neither list nor watch its ConfigMaps. So its informer gets them one by one
// every period and compares.
package main

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"

	"whowoke.test/operators/internal/demo"
)

// Poller looks like a list and a watch.
type Poller struct {
	corev1client.ConfigMapInterface
	demo.Settings
	changes chan watch.Event
	known   map[string]string
}

func main() {
	demo.Main("fakewatch", nil, func(_ context.Context, mgr ctrl.Manager, s demo.Settings) error {
		core, err := corev1client.NewForConfig(mgr.GetConfig())
		if err != nil {
			return err
		}
		if _, err := demo.NewStock(mgr, s); err != nil {
			return err
		}
		poller := &Poller{core.ConfigMaps(s.Namespace), s, make(chan watch.Event), map[string]string{}}
		return mgr.Add(poller)
	})
}

// Start runs until ctx ends.
func (p *Poller) Start(ctx context.Context) error {
	source := &cache.ListWatch{
		ListWithContextFunc: p.list,
		WatchFuncWithContext: func(context.Context, metav1.ListOptions) (watch.Interface, error) {
			return watch.NewProxyWatcher(p.changes), nil
		},
	}
	go cache.NewSharedIndexInformer(source, &corev1.ConfigMap{}, 0, nil).Run(ctx.Done())
	return ignoreEnd(wait.PollUntilContextCancel(ctx, p.Period, false, p.poll)) //@arms
}

func (p *Poller) list(ctx context.Context, _ metav1.ListOptions) (runtime.Object, error) {
	var all corev1.ConfigMapList
	for _, name := range p.Names() {
		found, err := p.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		all.Items = append(all.Items, *found)
	}
	return &all, nil
}

func (p *Poller) poll(ctx context.Context) (bool, error) {
	demo.Note("tick", "")
	for _, name := range p.Names() {
		found, err := p.Get(ctx, name, metav1.GetOptions{})
		if err != nil || p.known[name] == found.ResourceVersion {
			continue
		}
		if p.known[name] != "" {
			p.changes <- watch.Event{Type: watch.Modified, Object: found}
		}
		p.known[name] = found.ResourceVersion
	}
	return false, nil
}

func ignoreEnd(err error) error {
	if wait.Interrupted(err) {
		return nil
	}
	return err
}
