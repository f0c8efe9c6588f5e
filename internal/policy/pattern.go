package policy

import (
	"errors"
	"fmt"
	"regexp"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/env"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
)

// matchWhole is what stands in a compiled expression for text.matches(pattern). It is no name that an author can write,
// and not matches: for that CEL brings an unanchored matcher of its own, which takes the place of any other.
const matchWhole = "@match_whole"

// wholeMatches replaces CEL's matches by one that compares the whole text with a constant pattern (RE2 syntax). An
// unanchored pattern in a policy has let strangers in elsewhere.
func wholeMatches() []cel.EnvOption {
	return []cel.EnvOption{
		cel.StdLib(cel.StdLibSubset(&env.LibrarySubset{ExcludeFunctions: []*env.Function{env.NewFunction("matches")}})),
		cel.Macros(cel.ReceiverMacro("matches", 1, expandMatches)),
		cel.Function(matchWhole,
			cel.MemberOverload(matchWhole, []*cel.Type{cel.StringType, cel.StringType}, cel.BoolType,
				// Every pattern has been compiled by compiledPattern; were it not, nothing would match.
				cel.BinaryBinding(func(_, _ ref.Val) ref.Val { return types.NewErr("the pattern of matches was not compiled") }))),
	}
}

// expandMatches refuses a pattern that is not constant or not a pattern, where it stands.
func expandMatches(factory cel.MacroExprFactory, text ast.Expr, arguments []ast.Expr) (ast.Expr, *cel.Error) {
	pattern := arguments[0]
	if pattern.Kind() != ast.LiteralKind || pattern.AsLiteral().Type() != types.StringType {
		return nil, factory.NewError(pattern.ID(), "the pattern of matches must be a text as it is, not an expression")
	}
	if _, err := compileWhole(string(pattern.AsLiteral().(types.String))); err != nil {
		return nil, factory.NewError(pattern.ID(), err.Error())
	}
	return factory.NewMemberCall(matchWhole, text, pattern), nil
}

// compileWhole compiles a pattern, first as it was written: a parenthesis too many would end the group.
func compileWhole(pattern string) (*regexp.Regexp, error) {
	if _, err := regexp.Compile(pattern); err != nil {
		return nil, fmt.Errorf("the pattern of matches: %w", err)
	}
	whole, err := regexp.Compile(`\A(?:` + pattern + `)\z`)
	if err != nil {
		return nil, errors.New(`the pattern of matches has a \Q without its \E`)
	}
	return whole, nil
}

// compiledPattern has each pattern compiled once, when its rule is loaded.
func compiledPattern() *interpreter.RegexOptimization {
	return &interpreter.RegexOptimization{
		Function:   matchWhole,
		RegexIndex: 1,
		Factory: func(call interpreter.InterpretableCall, pattern string) (interpreter.InterpretableCall, error) {
			whole, err := compileWhole(pattern)
			if err != nil {
				return nil, err
			}
			match := func(values ...ref.Val) ref.Val {
				text, ok := values[0].Value().(string)
				if !ok {
					return types.NewErr("matches is for text")
				}
				return types.Bool(whole.MatchString(text))
			}
			return interpreter.NewCall(call.ID(), call.Function(), call.OverloadID(), call.Args(), match), nil
		},
	}
}

// costOfMatch is CEL's own for its matches: the length of the text times that of the pattern.
func costOfMatch() cost.TrackerOption {
	return cost.OverloadTracker(matchWhole, func(arguments []ref.Val, _ ref.Val) *uint64 {
		text, _ := arguments[0].Value().(string)
		pattern, _ := arguments[1].Value().(string)
		units := uint64(1+len(text)/10) * uint64(1+len(pattern)/4)
		return &units
	})
}
