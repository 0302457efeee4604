// Command gone has an informer whose watches the API server is asked to end after a period. The next
// watch asks for what happened since a version that the API server has forgotten, as after a long
// silence: 410 Gone.
package main

import (
	"context"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"whowoke.test/operators/internal/demo"
)

const forgotten = "1"

// listedAt is when the objects were last asked for, in nanoseconds of the wall clock.
var listedAt atomic.Int64

// Forgetful remembers no version from one watch to the next.
type Forgetful struct {
	toolscache.ListerWatcher
	Period time.Duration
}

// Reconciler reads what it is told about.
type Reconciler struct {
	client.Client
}

func main() {
	demo.Main("gone", options, func(_ context.Context, mgr ctrl.Manager, s demo.Settings) error {
		return ctrl.NewControllerManagedBy(mgr).
			For(&corev1.ConfigMap{}, builder.WithPredicates(noted())).
			Complete(&Reconciler{mgr.GetClient()})
	})
}

func options(s demo.Settings, o *ctrl.Options) {
	o.Cache.NewInformer = func(
		source toolscache.ListerWatcher, object runtime.Object, resync time.Duration, indexers toolscache.Indexers,
	) toolscache.SharedIndexInformer {
		return toolscache.NewSharedIndexInformer(&Forgetful{source, s.Period}, object, resync, indexers)
	}
}

// Watch lists first where it is asked to.
func (f *Forgetful) Watch(o metav1.ListOptions) (watch.Interface, error) {
	if ptr.Deref(o.SendInitialEvents, false) {
		listedAt.Store(time.Now().UnixNano())
		o.TimeoutSeconds = ptr.To(int64(f.Period.Seconds()))
	} else {
		o.ResourceVersion = forgotten
	}
	return f.ListerWatcher.Watch(o)
}

// noted says of each change whether it was there before the objects were last asked for.
func noted() predicate.Predicate {
	all := demo.Noted().(predicate.Funcs)
	all.UpdateFunc = func(e event.UpdateEvent) bool {
		cause := "watch.event"
		if demo.Touched(e.ObjectNew).UnixNano() < listedAt.Load() {
			cause = "informer.relist"
		}
		demo.Note("add", e.ObjectNew.GetName()+" "+cause)
		return true
	}
	return all
}

// Reconcile reads the ConfigMap.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	demo.Note("reconcile", req.Name)
	var configMap corev1.ConfigMap
	return ctrl.Result{}, client.IgnoreNotFound(r.Get(ctx, req.NamespacedName, &configMap))
}
