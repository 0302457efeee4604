// Command reading reads and writes in each of its reconciles in every way that there is, and notes
// what it was answered.
package main

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"whowoke.test/operators/internal/demo"
)

const (
	greetingField = "data.greeting"
	extra         = "extra"
)

func main() {
	demo.Main("reading", cacheUnstructured, setup)
}

func cacheUnstructured(_ demo.Settings, options *ctrl.Options) {
	options.Client.Cache = &client.CacheOptions{Unstructured: true}
}

func setup(ctx context.Context, mgr ctrl.Manager, s demo.Settings) error {
	direct, err := client.New(mgr.GetConfig(), client.Options{})
	if err != nil {
		return err
	}
	if err := create(ctx, direct, s.Namespace); err != nil {
		return err
	}
	greeting := func(o client.Object) []string { return []string{o.(*corev1.ConfigMap).Data["greeting"]} }
	if err := mgr.GetFieldIndexer().IndexField(ctx, &corev1.ConfigMap{}, greetingField, greeting); err != nil {
		return err
	}
	set, err := kubernetes.NewForConfig(mgr.GetConfig())
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactoryWithOptions(set, 0, informers.WithNamespace(s.Namespace))
	r := &Reader{
		Settings: s,
		Cached:   mgr.GetClient(),
		Direct:   direct,
		Lister:   factory.Core().V1().ConfigMaps().Lister(),
		Set:      set,
	}
	start := func(ctx context.Context) error {
		factory.Start(ctx.Done())
		factory.WaitForCacheSync(ctx.Done())
		<-ctx.Done()
		return nil
	}
	if err := mgr.Add(manager.RunnableFunc(start)); err != nil {
		return err
	}
	return ctrl.NewControllerManagedBy(mgr).For(&corev1.ConfigMap{}).Complete(r)
}

// create makes what is read besides the ConfigMaps that are reconciled.
func create(ctx context.Context, c client.Client, namespace string) error {
	meta := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: namespace, Name: name}
	}
	chosen := meta("chosen")
	chosen.Labels = map[string]string{"chosen": "yes"}
	for _, object := range []client.Object{
		&corev1.ConfigMap{ObjectMeta: meta(extra)},
		&corev1.Secret{ObjectMeta: meta("first")},
		&corev1.Secret{ObjectMeta: meta("second")},
		&corev1.ServiceAccount{ObjectMeta: chosen},
		&corev1.ServiceAccount{ObjectMeta: meta("other")},
	} {
		if err := client.IgnoreAlreadyExists(c.Create(ctx, object)); err != nil {
			return err
		}
	}
	return nil
}
