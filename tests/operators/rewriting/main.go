// Command rewriting writes again and again what is there already.
package main

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"whowoke.test/operators/internal/api"
	"whowoke.test/operators/internal/demo"
)

var kinds = api.Kinds{Group: "rewriting.example.com", Cluster: "Cluster", Backup: "Backup"}

func main() {
	scheme := func(_ demo.Settings, o *ctrl.Options) {
		o.Scheme = kinds.Scheme()
	}
	demo.Main("rewriting", scheme, func(ctx context.Context, mgr ctrl.Manager, s demo.Settings) error {
		var clusters []client.Object
		for _, name := range s.Names() {
			clusters = append(clusters, &api.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: name}})
		}
		if err := kinds.Install(ctx, mgr.GetConfig(), mgr.GetScheme(), clusters...); err != nil {
			return err
		}
		typed := &Typed{mgr.GetClient(), s.Period}
		if err := ctrl.NewControllerManagedBy(mgr).For(&api.Cluster{}).Named("typed").Complete(typed); err != nil {
			return err
		}
		untyped := &Untyped{mgr.GetClient(), s.Period}
		return ctrl.NewControllerManagedBy(mgr).For(&corev1.ConfigMap{}).Named("untyped").Complete(untyped)
	})
}

// Typed writes the status of each Cluster and patches its ConfigMap.
type Typed struct {
	client.Client
	Period time.Duration
}

// Reconcile changes something only if the Cluster has another size.
func (t *Typed) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	pass := demo.Begin("typed", req)
	defer pass.End()

	var cluster api.Cluster
	err := t.Get(ctx, req.NamespacedName, &cluster) //@cluster
	pass.Got("cache", "Cluster", req.Name, &cluster, err)
	if err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	before := cluster.ResourceVersion
	cluster.Status = api.ClusterStatus{State: "ready", Ready: cluster.Spec.Size}
	err = t.Status().Update(ctx, &cluster) //@updates
	pass.Wrote("update", "Cluster", before, &cluster, err)
	if err != nil {
		return ctrl.Result{}, err
	}

	var configMap corev1.ConfigMap
	err = t.Get(ctx, req.NamespacedName, &configMap) //@configmap
	pass.Got("cache", "ConfigMap", req.Name, &configMap, err)
	if err != nil {
		return ctrl.Result{}, err
	}
	wanted := configMap.DeepCopy()
	wanted.Data = map[string]string{"greeting": "hello"}
	err = t.Patch(ctx, wanted, client.MergeFrom(&configMap)) //@patches
	pass.Wrote("patch", "ConfigMap", configMap.ResourceVersion, wanted, err)
	return ctrl.Result{RequeueAfter: t.Period}, err //@asks
}

// Untyped applies a label to each ConfigMap.
type Untyped struct {
	client.Client
	Period time.Duration
}

// Reconcile changes something only if the label is missing.
func (u *Untyped) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	pass := demo.Begin("untyped", req)
	defer pass.End()

	var configMap corev1.ConfigMap
	err := u.Get(ctx, req.NamespacedName, &configMap) //@untyped
	pass.Got("cache", "ConfigMap", req.Name, &configMap, err)
	if err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	var wanted unstructured.Unstructured
	wanted.SetAPIVersion("v1")
	wanted.SetKind("ConfigMap")
	wanted.SetNamespace(req.Namespace)
	wanted.SetName(req.Name)
	wanted.SetLabels(map[string]string{"example.com/applied": "yes"})
	err = u.Apply(ctx, client.ApplyConfigurationFromUnstructured(&wanted), client.FieldOwner("rewriting")) //@applies
	pass.Wrote("apply", "ConfigMap", configMap.ResourceVersion, &wanted, err)
	return ctrl.Result{RequeueAfter: u.Period}, err //@asksuntyped
}
