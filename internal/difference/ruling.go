package difference

import "slices"

// A ruling is how the rules of one party for one resource decide in both documents.
type ruling struct {
	before, after []rule
	partner       []int // of each rule after: the one before that it was; -1: none
	shadow        []int // of each rule before: the first one after that decides wherever it did; len(after): none
}

func newRuling(before, after []rule) ruling {
	r := ruling{before: before, after: after, partner: partners(before, after), shadow: make([]int, len(before))}
	for i, was := range before {
		r.shadow[i] = slices.IndexFunc(after, func(is rule) bool { return is.decides(was) })
		if r.shadow[i] < 0 {
			r.shadow[i] = len(after)
		}
	}
	return r
}

// allowed reports whether the document before gave at least what the rule after gives, wherever that decides.
//
// Some rule before must cover it. Where a request reached another rule before that one, either that gave as much too,
// or the request does not reach the rule after either. Any rule that covers it would do, and the first of them has the
// fewest in front of it.
func (r ruling) allowed(j int) bool {
	first := slices.IndexFunc(r.before, func(was rule) bool { return was.covers(r.after[j]) })
	if first < 0 {
		return false
	}
	_, found := r.displaced(j, first)
	return !found
}

// displaced finds a rule that could decide before the i-th did, gave less than the rule after gives, and does not keep
// requests from that any more: nothing in front of it decides wherever that rule did.
func (r ruling) displaced(j, i int) (first rule, found bool) {
	for h, was := range r.before[:i] {
		if r.shadow[h] >= j && !was.reaches(r.after[j]) {
			return was, true
		}
	}
	return rule{}, false
}

// partners finds for each rule after the rule before that it probably was, so that a change is told as that of a field
// and not as a rule that went and another that came. No verdict depends on it.
func partners(before, after []rule) []int {
	partner, taken := make([]int, len(after)), make([]bool, len(before))
	for j := range partner {
		partner[j] = -1
	}
	pair := func(alike func(was, is rule) bool) {
		for j, is := range after {
			for i := 0; i < len(before) && partner[j] < 0; i++ {
				if !taken[i] && alike(before[i], is) {
					partner[j], taken[i] = i, true
				}
			}
		}
	}
	sameWords := func(was, is rule) bool {
		return was.condition == is.condition && was.subject == is.subject && was.claims == is.claims
	}
	sameTerms := func(was, is rule) bool { return was.reaches(is) && is.reaches(was) && was.Narrow == is.Narrow }
	pair(func(was, is rule) bool { return sameWords(was, is) && sameTerms(was, is) })
	pair(sameWords)
	pair(sameTerms)
	// The only ones that are left.
	i, j := slices.Index(taken, false), slices.Index(partner, -1)
	if i >= 0 && j >= 0 && !slices.Contains(taken[i+1:], false) && !slices.Contains(partner[j+1:], -1) {
		partner[j] = i
	}
	return partner
}
