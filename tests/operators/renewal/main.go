// Command renewal renews certificates; it computes when it has to look at each again.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"whowoke.test/operators/internal/api"
	"whowoke.test/operators/internal/demo"
)

// Certificates are renewed that long before they end.
const ahead = time.Hour

// Renewer renews the certificate in each Secret.
type Renewer struct {
	client.Client
	Period time.Duration
}

func main() {
	demo.Main("renewal", nil, func(ctx context.Context, mgr ctrl.Manager, s demo.Settings) error {
		var secrets []client.Object
		for _, name := range s.Names() {
			secrets = append(secrets, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: name}})
		}
		if err := api.Create(ctx, mgr.GetConfig(), mgr.GetScheme(), secrets...); err != nil {
			return err
		}
		return ctrl.NewControllerManagedBy(mgr).
			For(&corev1.Secret{}).
			Named("renewal").
			Complete(&Renewer{mgr.GetClient(), s.Period})
	})
}

// Reconcile renews a certificate if it is time.
func (r *Renewer) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	pass := demo.Begin("renewal", req)
	defer pass.End()

	var secret corev1.Secret
	err := r.Get(ctx, req.NamespacedName, &secret) //@secret
	pass.Got("cache", "Secret", req.Name, &secret, err)
	if err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	renewAt := renewal(&secret)
	if !time.Now().Before(renewAt) {
		before := secret.ResourceVersion
		certificate, err := issue(req.Name, time.Now().Add(r.Period+ahead))
		if err != nil {
			return ctrl.Result{}, err
		}
		secret.Data = map[string][]byte{corev1.TLSCertKey: certificate}
		err = r.Update(ctx, &secret) //@renews
		pass.Wrote("update", "Secret", before, &secret, err)
		if err != nil {
			return ctrl.Result{}, err
		}
		renewAt = renewal(&secret)
	}
	return ctrl.Result{RequeueAfter: time.Until(renewAt)}, nil //@asks
}

// renewal is when a certificate has to be renewed: at once where there is none.
func renewal(secret *corev1.Secret) time.Time {
	certificate, err := x509.ParseCertificate(secret.Data[corev1.TLSCertKey])
	if err != nil {
		return time.Time{}
	}
	return certificate.NotAfter.Add(-ahead)
}

func issue(name string, until time.Time) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now(),
		NotAfter:     until.Add(time.Second), // whole seconds are kept
	}
	return x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
}
