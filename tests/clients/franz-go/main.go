// franz-go against a broker: the phases of the harness.
package main

import "github.com/twmb/franz-go/pkg/kgo"
import _ "github.com/twmb/franz-go/pkg/kadm"

func main() { _ = kgo.NewClient }
