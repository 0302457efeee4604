package main

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

// Poller lists the ConfigMaps at a fixed rate, past the cache, and sends an event for each.
type Poller struct {
	Reader client.Reader
	Match  client.MatchingLabels
	Within string
	Period time.Duration
	Events chan<- event.GenericEvent
}

// Start runs until ctx ends.
func (p *Poller) Start(ctx context.Context) error {
	ticker := time.NewTicker(p.Period) //@arms
	defer ticker.Stop()
	for {
		select { //@waits
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if err := p.poll(ctx); err != nil {
				logf.FromContext(ctx).Error(err, "unable to list")
			}
		}
	}
}

func (p *Poller) poll(ctx context.Context) error {
	var list corev1.ConfigMapList
	if err := p.Reader.List(ctx, &list, client.InNamespace(p.Within), p.Match); err != nil {
		return err
	}
	for i := range list.Items {
		select {
		case p.Events <- event.GenericEvent{Object: &list.Items[i]}:
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}
