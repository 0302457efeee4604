package main

import "k8s.io/client-go/tools/cache"

func handle(informer cache.SharedIndexInformer, handlers cache.ResourceEventHandler) {
	_, _ = informer.AddEventHandler(handlers)
}
