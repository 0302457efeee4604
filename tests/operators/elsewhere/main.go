// Command elsewhere checks what can't be compared with the last time: a file, a web page, the output
// of a program, an answer of the API server that nobody decodes.
package main

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"whowoke.test/operators/internal/api"
	"whowoke.test/operators/internal/demo"
)

// Checker asks somebody else for each ConfigMap: whom depends on its name.
type Checker struct {
	client.Client
	Core   rest.Interface
	File   string
	URL    string
	Period time.Duration
}

func main() {
	file := flag.String("file", "", "file that is read (required)")
	url := flag.String("url", "", "page that is asked for (required)")
	demo.Main("elsewhere", nil, func(ctx context.Context, mgr ctrl.Manager, s demo.Settings) error {
		raw := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
			Namespace: s.Namespace, Name: "elsewhere-3", Labels: s.Labels(),
		}}
		if err := api.Create(ctx, mgr.GetConfig(), mgr.GetScheme(), raw); err != nil {
			return err
		}
		core, err := corev1client.NewForConfig(mgr.GetConfig())
		if err != nil {
			return err
		}
		checker := &Checker{mgr.GetClient(), core.RESTClient(), *file, *url, s.Period}
		return ctrl.NewControllerManagedBy(mgr).For(&corev1.ConfigMap{}).Named("elsewhere").Complete(checker)
	})
}

// Reconcile checks.
func (c *Checker) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	pass := demo.Begin("elsewhere", req)
	defer pass.End()

	var configMap corev1.ConfigMap
	err := c.Get(ctx, req.NamespacedName, &configMap) //@configmap
	pass.Got("cache", "ConfigMap", req.Name, &configMap, err)
	if err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	var answer []byte
	switch {
	case strings.HasSuffix(req.Name, "0"):
		answer, err = os.ReadFile(c.File) //@file
	case strings.HasSuffix(req.Name, "1"):
		answer, err = c.page(ctx)
	case strings.HasSuffix(req.Name, "3"):
		answer, err = c.Core.Get().Namespace(req.Namespace).Resource("configmaps").DoRaw(ctx) //@raw
	default:
		answer, err = exec.CommandContext(ctx, "cat", c.File).Output() //@program
	}
	pass.Asked(fmt.Sprintf("%x", sha256.Sum256(answer)))
	return ctrl.Result{RequeueAfter: c.Period}, err //@asks
}

func (c *Checker) page(ctx context.Context) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+"/state?token=secret", nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request) //@page
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return io.ReadAll(response.Body)
}
