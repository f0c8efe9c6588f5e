package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
)

// Types are the types of claims by their names. A name that ends in * stands for every other name that begins so.
type Types map[string]Type

// Type is the type of one claim, or of a member of one.
type Type struct {
	Name    string // string, bool, int, double or dyn, or list(T) or map(string, T) of one of these; empty: an object
	Members Types  // of an object; at least one
}

// ClaimTypes are what a party has declared of its claims. An expression that is compiled with them cannot look at any
// other claim, and CEL knows their types.
//
// They say what a token should have and not what it has: an expression means the same with them as without, so that a
// claim which is missing, or of another type than declared, matches nothing.
type ClaimTypes struct {
	claims  Types
	nearest func(written string, known []string) string
}

// NewClaimTypes checks what a party declares. nearest returns which of the known names was probably meant by one that
// is none of them, or "".
func NewClaimTypes(claims Types, nearest func(written string, known []string) string) (*ClaimTypes, error) {
	if nearest == nil {
		return nil, errors.New("policy: a function that finds the nearest name is required")
	}
	if err := claims.check("claims"); err != nil {
		return nil, err
	}
	return &ClaimTypes{claims, nearest}, nil
}

func (t Types) check(of string) error {
	if len(t) == 0 {
		return fmt.Errorf("policy: %s is declared without a member", of)
	}
	for name, declared := range t {
		switch {
		case name == "" || name == anyName:
			return fmt.Errorf("policy: %s has a member without a name", of)
		case declared.Members != nil && declared.Name != "":
			return fmt.Errorf("policy: %s is declared as %s and as an object", name, declared.Name)
		case declared.Members != nil:
			if err := declared.Members.check(name); err != nil {
				return err
			}
		case celTypes[declared.Name] == nil:
			return fmt.Errorf("policy: %q is not the type of a claim", declared.Name)
		}
	}
	return nil
}

// anyName ends a name that stands for others.
const anyName = "*"

// find returns the type of a member. A name of its own comes before one that stands for others, and of these the longest.
func (t Types) find(name string) (Type, bool) {
	if declared, found := t[name]; found {
		return declared, true
	}
	var longest string
	for pattern := range t {
		beginning, isPattern := strings.CutSuffix(pattern, anyName)
		if isPattern && strings.HasPrefix(name, beginning) && len(pattern) > len(longest) {
			longest = pattern
		}
	}
	declared, found := t[longest]
	return declared, found
}

// names returns the names that can be meant.
func (t Types) names() []string { return slices.Sorted(maps.Keys(t)) }

// celTypes are the types that a claim can be declared with, as CEL has them. They are so few that one environment knows a
// variable of each, and serves every party.
var celTypes = func() map[string]*cel.Type {
	all := make(map[string]*cel.Type)
	for name, scalar := range map[string]*cel.Type{
		"string": cel.StringType, "bool": cel.BoolType, "int": cel.IntType, "double": cel.DoubleType, "dyn": cel.DynType,
	} {
		all[name] = scalar
		all["list("+name+")"] = cel.ListType(scalar)
		all["map(string, "+name+")"] = cel.MapType(cel.StringType, scalar)
	}
	return all
}()

// typeVariable is the name of the variable of a type. It is none that an author can write.
func typeVariable(name string) string { return "@" + name }

func typeVariables() []cel.EnvOption {
	var options []cel.EnvOption
	for name, of := range celTypes {
		options = append(options, cel.Variable(typeVariable(name), of))
	}
	return options
}
