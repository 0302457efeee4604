// Command cluster is a Kubernetes API server for tests: an embedded etcd and a real kube-apiserver
// on free loopback ports, with certificates of its own and RBAC on. It has no controllers and no
// nodes. It stays in the foreground and removes what it made when SIGTERM or SIGINT stops it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

const (
	startTimeout = 2 * time.Minute
	stopTimeout  = time.Second
)

func main() {
	dir := flag.String("dir", "", "folder for everything the cluster writes; made if missing (required)")
	auditLog := flag.String("audit-log", "", "write an audit log (level Metadata) to this file")
	flag.Parse()
	if *dir == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(*dir, *auditLog); err != nil {
		fmt.Fprintf(os.Stderr, "cluster: %v\n", err)
		os.Exit(1)
	}
}

func run(dir, auditLog string) error {
	files, err := newFiles(dir)
	if err != nil {
		return err
	}
	restoreStderr, err := logToFile(files.log)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()

	err = serve(ctx, files, auditLog)
	restoreStderr()
	if err != nil {
		return fmt.Errorf("%w (log: %s)", err, files.log)
	}
	return files.remove()
}

// serve returns nil when ctx ended it.
func serve(ctx context.Context, files files, auditLog string) error {
	if err := writeCertificates(files); err != nil {
		return fmt.Errorf("certificates: %w", err)
	}
	etcd, etcdURL, err := startEtcd(files.etcd, startTimeout)
	if err != nil {
		return fmt.Errorf("etcd: %w", err)
	}
	defer etcd.Close()

	apiserver, err := startAPIServer(ctx, files, etcdURL, auditLog)
	if err != nil {
		return fmt.Errorf("kube-apiserver: %w", err)
	}
	if err := announce(ctx, files, apiserver); err != nil {
		if ctx.Err() != nil {
			return nil // stopped while it was starting
		}
		return err
	}
	select {
	case err := <-apiserver.ended:
		return fmt.Errorf("kube-apiserver ended by itself: %w", err)
	case <-ctx.Done():
	}
	select {
	case <-apiserver.ended:
	case <-time.After(stopTimeout): // open watches would hold it for up to a minute
	}
	return nil
}

// announce waits until the API server serves, then writes the kubeconfig and the ready file.
func announce(ctx context.Context, files files, apiserver *apiServer) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := apiserver.writeKubeconfig(files); err != nil {
		return err
	}
	if err := apiserver.waitReady(ctx, files.kubeconfig); err != nil {
		return err
	}
	// Renamed, so that whoever sees the file sees all of it.
	unfinished := files.ready + ".part"
	if err := os.WriteFile(unfinished, []byte(apiserver.url+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(unfinished, files.ready)
}

// files are the paths below the folder given by --dir.
type files struct {
	dir, log, etcd, certificates, auditPolicy, kubeconfig, ready string
}

func newFiles(dir string) (files, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return files{}, err
	}
	f := files{
		dir:          dir,
		log:          filepath.Join(dir, "cluster.log"),
		etcd:         filepath.Join(dir, "etcd"),
		certificates: filepath.Join(dir, "certificates"),
		auditPolicy:  filepath.Join(dir, "audit-policy.yaml"),
		kubeconfig:   filepath.Join(dir, "kubeconfig"),
		ready:        filepath.Join(dir, "ready"),
	}
	// A run that was killed leaves these behind.
	if err := f.remove(); err != nil {
		return files{}, err
	}
	return f, os.MkdirAll(f.certificates, 0o700)
}

// remove deletes what the cluster made, and the folder itself if nothing else is in it.
func (f files) remove() error {
	var errs []error
	for _, path := range []string{f.ready, f.kubeconfig, f.auditPolicy, f.certificates, f.etcd, f.log} {
		errs = append(errs, os.RemoveAll(path))
	}
	if entries, err := os.ReadDir(f.dir); err == nil && len(entries) == 0 {
		errs = append(errs, os.Remove(f.dir))
	}
	return errors.Join(errs...)
}

// logToFile sends the process's stderr to a file (etcd and the API server log to it, and panics go
// there) and returns what brings the first one back.
func logToFile(path string) (restore func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	terminal, err := syscall.Dup(syscall.Stderr)
	if err != nil {
		return nil, err
	}
	if err := syscall.Dup3(int(file.Fd()), syscall.Stderr, 0); err != nil {
		return nil, err
	}
	return func() { _ = syscall.Dup3(terminal, syscall.Stderr, 0) }, nil
}
