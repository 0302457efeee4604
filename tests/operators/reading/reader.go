package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"whowoke.test/operators/internal/demo"
)

// Reader does all that it does in each reconcile.
type Reader struct {
	demo.Settings
	Cached client.Client
	Direct client.Client
	Lister listers.ConfigMapLister
	Set    kubernetes.Interface
	passes int
}

// Reconcile asks to be called again.
func (r *Reader) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	r.passes++
	write("begin", Fact{})
	r.readCached(ctx, req)
	r.readListers(req)
	r.readLive(ctx, req)
	r.write(ctx)
	r.askOthers(ctx)
	write("end", Fact{})
	return ctrl.Result{RequeueAfter: r.Period}, nil
}

func (r *Reader) readCached(ctx context.Context, req ctrl.Request) {
	var configMap corev1.ConfigMap
	err := r.Cached.Get(ctx, req.NamespacedName, &configMap)
	got("ConfigMap", "*v1.ConfigMap", req.Namespace, req.Name, &configMap, err)
	missing := client.ObjectKey{Namespace: req.Namespace, Name: "missing"}
	got("ConfigMap", "", missing.Namespace, missing.Name, &configMap, r.Cached.Get(ctx, missing, &configMap))

	var configMaps corev1.ConfigMapList
	check(r.Cached.List(ctx, &configMaps))
	listed("ConfigMap", "*v1.ConfigMap", "", &configMaps)
	check(r.Cached.List(ctx, &configMaps, client.InNamespace(req.Namespace)))
	listed("ConfigMap", "*v1.ConfigMap", req.Namespace, &configMaps)
	hello := client.MatchingFields{greetingField: "hello"}
	check(r.Cached.List(ctx, &configMaps, hello, client.InNamespace(req.Namespace)))
	listed("ConfigMap", "*v1.ConfigMap", req.Namespace, &configMaps)
	check(r.Cached.List(ctx, &configMaps, hello))
	listed("ConfigMap", "*v1.ConfigMap", "", &configMaps)
	check(r.Cached.List(ctx, &configMaps, client.MatchingFields{greetingField: "none"}))
	listed("ConfigMap", "", "", &configMaps)

	secret := &unstructured.Unstructured{}
	secret.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "Secret"})
	first := client.ObjectKey{Namespace: req.Namespace, Name: "first"}
	err = r.Cached.Get(ctx, first, secret)
	got("Secret", "*unstructured.Unstructured", first.Namespace, first.Name, secret, err)
	secrets := &unstructured.UnstructuredList{}
	secrets.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "SecretList"})
	check(r.Cached.List(ctx, secrets))
	listed("Secret", "*unstructured.Unstructured", "", secrets)

	account := &metav1.PartialObjectMetadata{}
	account.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "ServiceAccount"})
	chosen := client.ObjectKey{Namespace: req.Namespace, Name: "chosen"}
	err = r.Cached.Get(ctx, chosen, account)
	got("ServiceAccount", "*v1.PartialObjectMetadata", chosen.Namespace, chosen.Name, account, err)
	accounts := &metav1.PartialObjectMetadataList{}
	accounts.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "ServiceAccountList"})
	check(r.Cached.List(ctx, accounts))
	listed("ServiceAccount", "*v1.PartialObjectMetadata", "", accounts)
	check(r.Cached.List(ctx, accounts, client.MatchingLabels{"chosen": "yes"}))
	listed("ServiceAccount", "*v1.PartialObjectMetadata", "", accounts)
}

func (r *Reader) readListers(req ctrl.Request) {
	own := r.Lister.ConfigMaps(req.Namespace)
	configMap, err := own.Get(req.Name)
	got("", "*v1.ConfigMap", req.Namespace, req.Name, configMap, err)
	_, err = own.Get("missing")
	got("", "", req.Namespace, "missing", nil, err)
	for _, namespace := range []string{req.Namespace, ""} {
		var found []*corev1.ConfigMap
		if namespace == "" {
			found, err = r.Lister.List(labels.Everything())
		} else {
			found, err = own.List(labels.Everything())
		}
		check(err)
		list := &corev1.ConfigMapList{}
		for _, item := range found {
			list.Items = append(list.Items, *item)
		}
		listed("", "*v1.ConfigMap", namespace, list)
	}
}

func (r *Reader) readLive(ctx context.Context, req ctrl.Request) {
	base := "/api/v1/namespaces/" + req.Namespace
	var configMap corev1.ConfigMap
	err := r.Direct.Get(ctx, req.NamespacedName, &configMap)
	answered("GET", base+"/configmaps/"+req.Name, "*v1.ConfigMap", "", &configMap, err)
	missing := client.ObjectKey{Namespace: req.Namespace, Name: "missing"}
	err = r.Direct.Get(ctx, missing, &corev1.ConfigMap{})
	answered("GET", base+"/configmaps/missing", "*v1.ConfigMap", "", nil, err)

	var configMaps corev1.ConfigMapList
	check(r.Direct.List(ctx, &configMaps, client.InNamespace(req.Namespace)))
	answeredList("GET", base+"/configmaps", "*v1.ConfigMapList", &configMaps)
	var namespace corev1.Namespace
	err = r.Direct.Get(ctx, client.ObjectKey{Name: req.Namespace}, &namespace)
	answered("GET", base, "*v1.Namespace", "", &namespace, err)

	secret := &unstructured.Unstructured{}
	secret.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "Secret"})
	first := client.ObjectKey{Namespace: req.Namespace, Name: "first"}
	err = r.Direct.Get(ctx, first, secret)
	answered("GET", base+"/secrets/first", "*unstructured.Unstructured", "", secret, err)

	accounts := &metav1.PartialObjectMetadataList{}
	accounts.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "ServiceAccountList"})
	check(r.Direct.List(ctx, accounts, client.InNamespace(req.Namespace)))
	answeredList("GET", base+"/serviceaccounts", "*v1.PartialObjectMetadataList", accounts)

	_, err = r.Set.Discovery().ServerResourcesForGroupVersion("v1")
	answered("GET", "/api/v1", "*v1.APIResourceList", "", nil, err)
	typed, err := r.Set.CoreV1().ConfigMaps(req.Namespace).Get(ctx, extra, metav1.GetOptions{})
	answered("GET", base+"/configmaps/"+extra, "*v1.ConfigMap", "", typed, err)
}

func (r *Reader) write(ctx context.Context) {
	path := "/api/v1/namespaces/" + r.Namespace + "/configmaps"
	configMap := &corev1.ConfigMap{}
	key := client.ObjectKey{Namespace: r.Namespace, Name: extra}
	err := r.Direct.Get(ctx, key, configMap)
	answered("GET", path+"/"+extra, "*v1.ConfigMap", "", configMap, err)
	stale := configMap.DeepCopy()

	before := configMap.ResourceVersion
	err = r.Direct.Update(ctx, configMap)
	answered("PUT", path+"/"+extra, "*v1.ConfigMap", before, configMap, err)
	before = configMap.ResourceVersion
	configMap.Data = map[string]string{"passes": strconv.Itoa(r.passes)}
	err = r.Direct.Update(ctx, configMap)
	answered("PUT", path+"/"+extra, "*v1.ConfigMap", before, configMap, err)
	before = configMap.ResourceVersion
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"data":{"patched":"yes"}}`))
	err = r.Direct.Patch(ctx, configMap, patch)
	answered("PATCH", path+"/"+extra, "*v1.ConfigMap", before, configMap, err)
	err = r.Direct.Update(ctx, stale)
	answered("PUT", path+"/"+extra, "*v1.ConfigMap", stale.ResourceVersion, nil, err)

	made := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: r.Namespace, Name: "made"}}
	err = r.Direct.Create(ctx, made)
	answered("POST", path, "*v1.ConfigMap", "", made, err)
	err = r.Direct.Delete(ctx, made)
	answered("DELETE", path+"/made", "", "", nil, err)
}

// askOthers asks itself, and nobody; then it reads a file and runs a program.
func (r *Reader) askOthers(ctx context.Context) {
	asking := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	for _, host := range []string{r.HealthAddr, "127.0.0.1:1"} {
		fact := Fact{Method: "GET", Host: host, Path: "/healthz"}
		request, err := http.NewRequestWithContext(ctx, "", fmt.Sprintf("http://%s%s?verbose", host, fact.Path), nil)
		check(err)
		if answer, err := asking.Do(request); err == nil {
			fact.Status = answer.StatusCode
			check(answer.Body.Close())
		}
		write("http", fact)
	}
	_, err := os.ReadFile("/proc/self/stat")
	check(err)
	check(exec.CommandContext(ctx, "/bin/true").Run())
}
