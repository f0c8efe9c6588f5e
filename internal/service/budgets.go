package service

import (
	"fmt"

	"example.com/countersign/internal/budget"
)

// budgets builds what counts failures. A configuration that leaves the limits as they are does not forget who has failed.
func (b *builder) budgets() (*budget.Budgets, error) {
	limits := b.config.Limits
	key := partKey{kind: "budgets", place: fmt.Sprint(limits.ClientFailures, limits.SourceFailures)}
	return keep(b, key, func() (*budget.Budgets, error) {
		return budget.New(budget.Config{Client: limits.ClientFailures, Source: limits.SourceFailures, Now: b.Now})
	})
}
