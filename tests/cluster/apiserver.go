package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
`

// apiServer is a running kube-apiserver. ended gets the reason when it ends.
type apiServer struct {
	url   string
	ended <-chan error
}

// startAPIServer runs kube-apiserver until ctx ends. It serves some seconds later: see waitReady.
func startAPIServer(ctx context.Context, f files, etcdURL, auditLog string) (*apiServer, error) {
	opts := options.NewServerRunOptions()
	flags := pflag.NewFlagSet("kube-apiserver", pflag.ContinueOnError)
	for _, set := range opts.Flags().FlagSets {
		flags.AddFlagSet(set)
	}
	arguments, err := apiServerArguments(f, etcdURL, auditLog)
	if err != nil {
		return nil, err
	}
	if err := flags.Parse(arguments); err != nil {
		return nil, err
	}
	// Handed over open: a free port that is only looked up may be taken before it is used.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	opts.SecureServing.Listener = listener
	opts.SecureServing.BindPort = listener.Addr().(*net.TCPAddr).Port

	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	if err := opts.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return nil, err
	}
	completed, err := opts.Complete(ctx)
	if err != nil {
		return nil, err
	}
	for _, err := range completed.Validate() {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx, completed) }()
	return &apiServer{url: "https://" + listener.Addr().String(), ended: ended}, nil
}

func apiServerArguments(f files, etcdURL, auditLog string) ([]string, error) {
	arguments := []string{
		"--etcd-servers=" + etcdURL,
		"--bind-address=127.0.0.1",
		"--endpoint-reconciler-type=none", // a loopback address can't be an endpoint
		"--service-cluster-ip-range=10.0.0.0/24",
		"--tls-cert-file=" + f.certificate("apiserver"),
		"--tls-private-key-file=" + f.key("apiserver"),
		"--client-ca-file=" + f.certificate("ca"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + f.key("service-account"),
		"--service-account-signing-key-file=" + f.key("service-account"),
		"--authorization-mode=RBAC",
		"--disable-admission-plugins=ServiceAccount", // nothing here makes the default accounts
	}
	if auditLog == "" {
		return arguments, nil
	}
	if err := os.WriteFile(f.auditPolicy, []byte(auditPolicy), 0o600); err != nil {
		return nil, err
	}
	return append(arguments,
		"--audit-policy-file="+f.auditPolicy, "--audit-log-path="+auditLog), nil
}

// waitReady returns when every check of /readyz passes and the namespaces that each cluster has exist.
func (s *apiServer) waitReady(ctx context.Context, kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	var last error
	waited := wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		select {
		case err := <-s.ended:
			return false, fmt.Errorf("kube-apiserver ended while starting: %w", err)
		default:
		}
		last = client.RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
		for _, namespace := range []string{"default", "kube-system"} {
			if last == nil {
				_, last = client.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
			}
		}
		return last == nil, nil
	})
	if waited != nil && last != nil {
		return fmt.Errorf("%w: %w", waited, last)
	}
	return waited
}

// writeKubeconfig writes one that works from anywhere: the certificates are in it.
func (s *apiServer) writeKubeconfig(f files) error {
	config := clientcmdapi.NewConfig()
	config.Clusters["test"] = &clientcmdapi.Cluster{
		Server: s.url, CertificateAuthority: f.certificate("ca"),
	}
	config.AuthInfos["admin"] = &clientcmdapi.AuthInfo{
		ClientCertificate: f.certificate("admin"), ClientKey: f.key("admin"),
	}
	config.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: "admin"}
	config.CurrentContext = "test"
	if err := clientcmdapi.FlattenConfig(config); err != nil {
		return err
	}
	return clientcmd.WriteToFile(*config, f.kubeconfig)
}
