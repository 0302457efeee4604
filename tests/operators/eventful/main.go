// Command eventful records an Event, for an API server that nobody can reach.
package main

import (
	"context"
	"flag"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"whowoke.test/operators/internal/demo"
)

// Attempts notes each request.
type Attempts struct {
	http.RoundTripper
}

func main() {
	closed := flag.String("closed", "127.0.0.1:1", "host:port where nobody listens")
	demo.Main("eventful", nil, func(_ context.Context, mgr ctrl.Manager, s demo.Settings) error {
		if _, err := demo.NewStock(mgr, s); err != nil {
			return err
		}
		config := &rest.Config{Host: "http://" + *closed}
		config.Wrap(func(next http.RoundTripper) http.RoundTripper { return &Attempts{next} })
		core, err := corev1client.NewForConfig(config)
		if err != nil {
			return err
		}
		return mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
			broadcaster := record.NewBroadcaster(record.WithContext(ctx), record.WithSleepDuration(s.Period))
			broadcaster.StartRecordingToSink(&corev1client.EventSinkImpl{Interface: core.Events("")})
			recorder := broadcaster.NewRecorder(mgr.GetScheme(), corev1.EventSource{Component: s.Name})
			about := &corev1.ConfigMap{}
			about.Namespace, about.Name = s.Namespace, s.Names()[0]
			for range 10 {
				recorder.Event(about, corev1.EventTypeNormal, "Demo", "somebody should know this")
			}
			<-ctx.Done()
			return nil
		}))
	})
}

// RoundTrip fails.
func (a *Attempts) RoundTrip(request *http.Request) (*http.Response, error) {
	demo.Note("attempt", "")
	return a.RoundTripper.RoundTrip(request)
}
