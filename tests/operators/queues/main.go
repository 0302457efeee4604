// Command queues has one work queue of client-go for each type of items, no controller-runtime and no
// API server. Each worker puts its item back with a delay. It says "ready PID", waits for a line on
// stdin, and after the next line says "done JSON": how often each item was handled and counted.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

const period = 150 * time.Millisecond

// Diary counts what was handled, by worker and item.
type Diary struct {
	lock    sync.Mutex
	Handled map[string]map[string]int `json:"handled"`
	Adds    int64                     `json:"adds"`
}

var diary = Diary{Handled: map[string]map[string]int{}}

func note(worker, item string) {
	diary.lock.Lock()
	defer diary.lock.Unlock()
	if diary.Handled[worker] == nil {
		diary.Handled[worker] = map[string]int{}
	}
	diary.Handled[worker][item]++
}

func workTexts(queue workqueue.TypedRateLimitingInterface[string]) {
	for {
		item, _ := queue.Get()
		note("main.workTexts", item)
		queue.AddAfter(item, period) //@texts
		queue.Done(item)
	}
}

func workObjects(queue workqueue.TypedRateLimitingInterface[cache.ObjectName]) {
	for {
		item, _ := queue.Get()
		note("main.workObjects", item.Name)
		queue.AddAfter(item, period) //@objects
		queue.Done(item)
	}
}

func workNames(queue workqueue.TypedDelayingInterface[types.NamespacedName]) {
	for {
		item, _ := queue.Get()
		note("main.workNames", item.Name)
		queue.AddAfter(item, period) //@names
		queue.Done(item)
	}
}

func workAnything(queue workqueue.TypedRateLimitingInterface[any]) {
	for {
		item, _ := queue.Get()
		text, ok := item.(string)
		if name, isName := item.(types.NamespacedName); isName {
			text, ok = name.Name, true
		}
		if ok {
			note("main.workAnything", text)
		}
		queue.AddAfter(item, period) //@anything
		queue.Done(item)
	}
}

func workNumbers(queue workqueue.TypedInterface[int]) {
	for {
		item, _ := queue.Get()
		queue.Done(item)
	}
}

func main() {
	input := bufio.NewReader(os.Stdin)
	texts := workqueue.NewTypedRateLimitingQueueWithConfig(
		workqueue.DefaultTypedControllerRateLimiter[string](),
		workqueue.TypedRateLimitingQueueConfig[string]{Name: "texts", MetricsProvider: provider{}})
	objects := workqueue.NewTypedRateLimitingQueue(
		workqueue.DefaultTypedControllerRateLimiter[cache.ObjectName]())
	names := workqueue.NewTypedDelayingQueue[types.NamespacedName]()
	anything := workqueue.NewTypedRateLimitingQueue(
		workqueue.DefaultTypedControllerRateLimiter[any]())
	numbers := workqueue.NewTyped[int]()
	go workTexts(texts)
	go workObjects(objects)
	go workNames(names)
	go workAnything(anything)
	go workNumbers(numbers)
	fmt.Println("ready", os.Getpid())
	_, _ = input.ReadString('\n')
	for _, name := range []string{"red", "green", "blue"} {
		texts.Add("paint/" + name)
		objects.Add(cache.NewObjectName("paint", name))
		names.Add(types.NamespacedName{Namespace: "paint", Name: name})
		anything.Add("paint/" + name)
		anything.Add(types.NamespacedName{Namespace: "paint", Name: name})
	}
	numbers.Add(1)
	_, _ = input.ReadString('\n')
	// From here on the workers wait: nothing more is done.
	diary.lock.Lock()
	time.Sleep(period)
	diary.Adds = adds.value.Load()
	report, _ := json.Marshal(&diary)
	fmt.Printf("done %s\n", report)
	select {}
}

// The metrics of the queue texts: only adds are counted.

type number struct{ value atomic.Int64 }

func (n *number) Inc()            { n.value.Add(1) }
func (n *number) Dec()            {}
func (n *number) Set(float64)     {}
func (n *number) Observe(float64) {}

var adds number

type provider struct{}

func (provider) NewDepthMetric(string) workqueue.GaugeMetric       { return &number{} }
func (provider) NewAddsMetric(string) workqueue.CounterMetric      { return &adds }
func (provider) NewLatencyMetric(string) workqueue.HistogramMetric { return &number{} }
func (provider) NewWorkDurationMetric(string) workqueue.HistogramMetric {
	return &number{}
}
func (provider) NewUnfinishedWorkSecondsMetric(string) workqueue.SettableGaugeMetric {
	return &number{}
}
func (provider) NewLongestRunningProcessorSecondsMetric(string) workqueue.SettableGaugeMetric {
	return &number{}
}
func (provider) NewRetriesMetric(string) workqueue.CounterMetric { return &number{} }
