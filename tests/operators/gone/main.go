// Command gone has an informer whose watches the API server is asked to end after a period. The next
// watch asks for what happened since a version that the API server doesn't know any more, as after a
// long silence: 410 Gone. So its objects are of a kind that is younger than that version.
package main

import (
	"context"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
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

var thing = schema.GroupVersionKind{Group: "demo.example.com", Version: "v1", Kind: "Thing"}

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
	demo.Main("gone", options, func(ctx context.Context, mgr ctrl.Manager, s demo.Settings) error {
		direct, err := client.New(mgr.GetConfig(), client.Options{})
		if err != nil {
			return err
		}
		if err := createThings(ctx, direct, s); err != nil {
			return err
		}
		return ctrl.NewControllerManagedBy(mgr).
			For(object(thing), builder.WithPredicates(noted())).
			Complete(&Reconciler{mgr.GetClient()})
	})
}

func object(kind schema.GroupVersionKind) *unstructured.Unstructured {
	made := &unstructured.Unstructured{}
	made.SetGroupVersionKind(kind)
	return made
}

// createThings makes the kind and, once that is served, one for each of the names.
func createThings(ctx context.Context, direct client.Client, s demo.Settings) error {
	kind := object(schema.GroupVersionKind{
		Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition",
	})
	kind.SetName("things." + thing.Group)
	kind.Object["spec"] = map[string]any{
		"group": thing.Group,
		"scope": "Namespaced",
		"names": map[string]any{"plural": "things", "singular": "thing", "kind": thing.Kind},
		"versions": []any{map[string]any{
			"name": thing.Version, "served": true, "storage": true,
			"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object"}},
		}},
	}
	if err := direct.Create(ctx, kind); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	for _, name := range s.Names() {
		made := object(thing)
		made.SetNamespace(s.Namespace)
		made.SetName(name)
		err := wait.PollUntilContextCancel(ctx, 100*time.Millisecond, true, func(ctx context.Context) (bool, error) {
			err := direct.Create(ctx, made)
			return err == nil || apierrors.IsAlreadyExists(err), nil
		})
		if err != nil {
			return err
		}
	}
	return nil
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

// Reconcile reads the thing.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	demo.Note("reconcile", req.Name)
	return ctrl.Result{}, client.IgnoreNotFound(r.Get(ctx, req.NamespacedName, object(thing)))
}
