// Command toucher is somebody else: it changes each ConfigMap of a namespace every period.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"whowoke.test/operators/internal/demo"
)

func main() {
	namespace := flag.String("namespace", "", "whose ConfigMaps are changed")
	period := flag.Duration("period", 15*time.Second, "how often")
	flag.Parse()
	if err := run(ctrl.SetupSignalHandler(), *namespace, *period); err != nil {
		fmt.Fprintln(os.Stderr, "toucher:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, namespace string, period time.Duration) error {
	direct, err := client.New(ctrl.GetConfigOrDie(), client.Options{})
	if err != nil {
		return err
	}
	ticker := time.NewTicker(period)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		var all corev1.ConfigMapList
		if err := direct.List(ctx, &all, client.InNamespace(namespace)); err != nil {
			return err
		}
		for _, configMap := range all.Items {
			touched := configMap.DeepCopy()
			demo.Touch(touched)
			demo.Note("touch", configMap.Name)
			if err := direct.Patch(ctx, touched, client.MergeFrom(&configMap)); err != nil {
				return err
			}
		}
	}
}
