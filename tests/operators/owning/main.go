// Command owning looks after databases as it should be done: what it reads it is told about.
package main

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"whowoke.test/operators/internal/api"
	"whowoke.test/operators/internal/demo"
)

var kinds = api.Kinds{Group: "owning.example.com", Cluster: "Cluster", Backup: "Backup"}

func main() {
	scheme := func(_ demo.Settings, o *ctrl.Options) {
		o.Scheme, o.Cache.ByObject = kinds.Scheme(), nil
	}
	demo.Main("owning", scheme, func(ctx context.Context, mgr ctrl.Manager, s demo.Settings) error {
		var clusters []client.Object
		for _, name := range s.Names() {
			clusters = append(clusters, &api.Cluster{
				ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: name},
				Spec:       api.ClusterSpec{Size: 3},
			})
		}
		if err := kinds.Install(ctx, mgr.GetConfig(), mgr.GetScheme(), clusters...); err != nil {
			return err
		}
		return (&ClusterReconciler{mgr.GetClient()}).SetupWithManager(mgr)
	})
}
