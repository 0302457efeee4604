package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"whowoke.test/operators/internal/api"
	"whowoke.test/operators/internal/demo"
)

// Reader reads.
type Reader struct {
	client.Client
	Cache  client.Reader
	Live   client.Reader
	Direct client.Client
	Store  toolscache.Indexer // of ServiceAccounts
	Period time.Duration
}

// Reconcile reads everything that there is about a ConfigMap.
func (r *Reader) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	pass := demo.Begin("livereads", req)
	defer pass.End()

	var configMap corev1.ConfigMap
	err := r.Get(ctx, req.NamespacedName, &configMap) //@configmap
	pass.Got("cache", "ConfigMap", req.Name, &configMap, err)
	if err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	key := types.NamespacedName{Namespace: req.Namespace, Name: api.Child(req.Name)}
	reads := []func(context.Context, *demo.Pass, types.NamespacedName) error{
		r.typed, r.selected, r.stored, r.unstructured, r.metadata,
	}
	if strings.HasSuffix(req.Name, "2") {
		reads = append(reads, r.unstructuredLive)
	}
	for _, read := range reads {
		if err := read(ctx, pass, key); err != nil {
			return ctrl.Result{}, err
		}
	}
	return ctrl.Result{RequeueAfter: r.Period}, nil //@asks
}

func (r *Reader) typed(ctx context.Context, pass *demo.Pass, key types.NamespacedName) error {
	var secret corev1.Secret
	err := r.Live.Get(ctx, key, &secret) //@secret
	pass.Got("api", "Secret", key.Name, &secret, err)

	var absent corev1.LimitRange
	err = r.Live.Get(ctx, key, &absent) //@absent
	pass.Got("api", "LimitRange", key.Name, &absent, err)

	var services corev1.ServiceList
	err = r.Direct.List(ctx, &services, client.InNamespace(key.Namespace)) //@services
	pass.Listed("api", "Service", &services)
	return err
}

// selected lists at one line what several selectors select, in the order of a map, which is random.
func (r *Reader) selected(ctx context.Context, pass *demo.Pass, key types.NamespacedName) error {
	for owner := range owners {
		var accounts corev1.ServiceAccountList
		err := r.Direct.List(ctx, &accounts, client.InNamespace(key.Namespace), client.MatchingLabels{ownerLabel: owner}) //@selected
		if err != nil {
			return err
		}
		pass.Listed("api", "ServiceAccount", &accounts)

		var configMaps corev1.ConfigMapList
		err = r.List(ctx, &configMaps, client.InNamespace(key.Namespace), client.MatchingFields{ownerField: owner}) //@indexed
		if err != nil {
			return err
		}
		pass.Listed("cache", "ConfigMap", &configMaps)
	}
	return nil
}

func (r *Reader) stored(_ context.Context, pass *demo.Pass, key types.NamespacedName) error {
	found, there, err := r.Store.GetByKey(key.String()) //@stored
	if err != nil || !there {
		return fmt.Errorf("%s isn't in the store: %w", key, err)
	}
	pass.Got("cache", "ServiceAccount", key.Name, found.(*corev1.ServiceAccount), nil)
	return nil
}

func (r *Reader) unstructured(ctx context.Context, pass *demo.Pass, key types.NamespacedName) error {
	var statefulSet unstructured.Unstructured
	statefulSet.SetAPIVersion("apps/v1")
	statefulSet.SetKind("StatefulSet")
	err := r.Cache.Get(ctx, key, &statefulSet) //@statefulset
	pass.Got("cache", "StatefulSet", key.Name, &statefulSet, err)

	var statefulSets unstructured.UnstructuredList
	statefulSets.SetAPIVersion("apps/v1")
	statefulSets.SetKind("StatefulSetList")
	if err := r.Cache.List(ctx, &statefulSets, client.InNamespace(key.Namespace)); err != nil { //@statefulsets
		return err
	}
	pass.Listed("cache", "StatefulSet", &statefulSets)
	return nil
}

func (r *Reader) unstructuredLive(ctx context.Context, pass *demo.Pass, key types.NamespacedName) error {
	var role unstructured.Unstructured
	role.SetAPIVersion("rbac.authorization.k8s.io/v1")
	role.SetKind("Role")
	err := r.Get(ctx, key, &role) //@role
	pass.Got("api", "Role", key.Name, &role, err)
	return err
}

func (r *Reader) metadata(ctx context.Context, pass *demo.Pass, key types.NamespacedName) error {
	account := metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"}}
	err := r.Get(ctx, key, &account) //@account
	pass.Got("cache", "ServiceAccount", key.Name, &account, err)

	accounts := metav1.PartialObjectMetadataList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccountList"}}
	if err := r.List(ctx, &accounts, client.InNamespace(key.Namespace)); err != nil { //@accounts
		return err
	}
	pass.Listed("cache", "ServiceAccount", &accounts)

	service := metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}}
	err = r.Live.Get(ctx, key, &service) //@service
	pass.Got("api", "Service", key.Name, &service, err)
	return err
}
