// Command filewatch has its settings in a file which somebody else writes.
package main

import (
	"context"
	"flag"
	"os"

	"github.com/fsnotify/fsnotify"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"whowoke.test/operators/internal/demo"
)

func main() {
	file := flag.String("file", "", "the settings")
	demo.Main("filewatch", nil, func(_ context.Context, mgr ctrl.Manager, s demo.Settings) error {
		stock, err := demo.NewStock(mgr, s)
		if err != nil {
			return err
		}
		if err := os.WriteFile(*file, []byte("nothing\n"), 0o600); err != nil {
			return err
		}
		watcher, err := fsnotify.NewWatcher()
		if err != nil {
			return err
		}
		if err := watcher.Add(*file); err != nil {
			return err
		}
		return mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
			for {
				select {
				case <-ctx.Done():
					return watcher.Close()
				case event := <-watcher.Events:
					if event.Has(fsnotify.Write) {
						demo.Note("written", event.Name)
						stock.Announce(ctx)
					}
				}
			}
		}))
	})
}
