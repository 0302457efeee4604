// Command poller looks after databases in the way that many operators do: nothing but For() is
// registered, so it looks at everything again every period.
package main

import (
	"context"
	"flag"
	"strings"

	"github.com/redis/go-redis/v9"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"whowoke.test/operators/internal/api"
	"whowoke.test/operators/internal/demo"
)

func main() {
	kinds := api.Usual
	flag.StringVar(&kinds.Group, "group", kinds.Group, "API group of the two kinds")
	flag.StringVar(&kinds.Cluster, "cluster-kind", kinds.Cluster, "kind of a database")
	flag.StringVar(&kinds.Backup, "backup-kind", kinds.Backup, "kind of a backup")
	names := flag.String("clusters", "poller-0,poller-1,poller-2", "names of the databases")
	reads := flag.String("reads", "StatefulSet,Service,Secret,ConfigMap", "kinds that a pass reads")
	database := flag.String("database", "127.0.0.1:6379", "host:port of Redis")
	scheme := func(_ demo.Settings, o *ctrl.Options) {
		o.Scheme, o.Cache.ByObject = kinds.Scheme(), nil
	}
	demo.Main("poller", scheme, func(ctx context.Context, mgr ctrl.Manager, s demo.Settings) error {
		if err := kinds.Install(ctx, mgr.GetConfig(), mgr.GetScheme(), wanted(s.Namespace, *names)...); err != nil {
			return err
		}
		clusters := &ClusterReconciler{
			Client: mgr.GetClient(), Kinds: kinds, Reads: strings.Split(*reads, ","), Period: s.Period,
			Database: redis.NewClient(&redis.Options{Addr: *database}),
		}
		if err := clusters.SetupWithManager(mgr); err != nil {
			return err
		}
		backups := &BackupReconciler{Client: mgr.GetClient(), Kinds: kinds, Period: s.Period}
		return backups.SetupWithManager(mgr)
	})
}

func wanted(namespace, names string) []client.Object {
	var objects []client.Object
	for _, name := range strings.Split(names, ",") {
		meta := metav1.ObjectMeta{Namespace: namespace, Name: name}
		objects = append(objects,
			&api.Cluster{ObjectMeta: meta, Spec: api.ClusterSpec{Size: 3}},
			&api.Backup{ObjectMeta: meta, Spec: api.BackupSpec{Cluster: name}},
		)
	}
	return objects
}
