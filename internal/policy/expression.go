package policy

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"google.golang.org/protobuf/types/known/structpb"
)

// costLimit bounds one evaluation, in CEL's units: some thousand comparisons, or a pattern over a claim of a few KiB.
const costLimit = 20_000

// sourceLimit bounds one expression, in characters.
const sourceLimit = 4096

// Compiler compiles expressions. Equal sources are compiled once.
type Compiler struct {
	env      *cel.Env
	done     map[string]*expression
	declared *cel.Env // env with a variable for each type that a claim can be declared with
	read     map[readKey]*reading

	splitting sync.Mutex // guards done once the service is at work, when only split compiles
}

// result is what an expression must give.
type result int

const (
	wantBool result = iota
	wantString
	wantAny
)

// expression is a compiled CEL program over one variable, claims. It is safe for concurrent use. The nil expression is
// a condition that always holds.
type expression struct {
	program   cel.Program
	output    *cel.Type         // what it gives, as far as that can be known of claims that nobody has declared
	conjuncts func() []conjunct // what it is made of
}

// NewCompiler returns a compiler for CEL's standard language over claims, where matches means the whole text.
//
// What an author can rely on: a condition that comes upon something it cannot decide does not hold, and its negation
// does not either. Such are a claim that is missing, null or empty text (all the same here, inside objects too, but not
// in a list), an index that is not there, a number where text is looked into, and whatever costs too much. What CEL can
// decide, it does:
//   - a || b holds where one side does, and a && b fails where one side does, even if the other cannot be decided;
//   - has(claims.a), and "a" in claims, are answers also where the claim is absent, so their negation holds;
//   - values of different types are unequal, so claims.a != "x" holds of a number or a list: say what is allowed rather
//     than what is not;
//   - all() holds of an empty list.
func NewCompiler() (*Compiler, error) {
	options := []cel.EnvOption{
		cel.Variable("claims", cel.MapType(cel.StringType, cel.DynType)),
		cel.ParserExpressionSizeLimit(sourceLimit),
		cel.ParserRecursionLimit(32),
	}
	environment, err := cel.NewCustomEnv(append(options, wholeMatches()...)...)
	if err != nil {
		return nil, fmt.Errorf("setting up CEL: %w", err)
	}
	declared, err := environment.Extend(typeVariables()...)
	if err != nil {
		return nil, fmt.Errorf("setting up CEL: %w", err)
	}
	return &Compiler{env: environment, done: make(map[string]*expression), declared: declared, read: make(map[readKey]*reading)}, nil
}

// compile compiles an expression that must give what is wanted. types is what the party has declared of its claims; nil:
// nothing. What is declared is for finding faults: the program is the same with it as without.
func (c *Compiler) compile(source string, want result, types *ClaimTypes) (*expression, error) {
	if source == "" {
		return nil, nil
	}
	compiled, err := c.program(source)
	if err != nil {
		return nil, err
	}
	output := compiled.output
	if types != nil {
		reading := c.readWith(source, types)
		if reading.err != nil {
			return nil, reading.err
		}
		output = reading.output
	}
	if err := checkResult(output, want); err != nil {
		return nil, err
	}
	return compiled, nil
}

// program compiles an expression, whatever it gives.
func (c *Compiler) program(source string) (*expression, error) {
	if compiled, done := c.done[source]; done {
		return compiled, nil
	}
	ast, issues := c.env.Compile(source)
	if issues.Err() != nil {
		return nil, tidy(issues)
	}
	program, err := c.env.Program(ast,
		cel.CostLimit(costLimit),
		cel.CostTrackerOptions(costOfMatch()),
		cel.EvalOptions(cel.OptOptimize),
		cel.OptimizeRegex(compiledPattern()),
	)
	if err != nil {
		return nil, err
	}
	c.done[source] = &expression{program, ast.OutputType(), sync.OnceValue(func() []conjunct { return c.split(source) })}
	return c.done[source], nil
}

// checkResult refuses an expression that can give something else. A claim alone has no type before there is a token,
// unless it is declared, so a condition must compare it with something.
func checkResult(got *cel.Type, want result) error {
	switch {
	case want == wantBool && !got.IsExactType(cel.BoolType):
		return fmt.Errorf("the condition gives %s, not bool; compare the claim with what it should be, as in claims.admin == true", got)
	case want == wantString && !got.IsExactType(cel.StringType) && !got.IsExactType(cel.DynType):
		return fmt.Errorf("the subject gives %s, not string", got)
	}
	return nil
}

// tidy keeps CEL's message and place, of the first few, and drops its drawing of the source.
func tidy(issues *cel.Issues) error {
	var texts []string
	for _, issue := range issues.Errors() {
		texts = append(texts, at(issue.Location)+": "+issue.Message)
	}
	return listed(texts)
}

// at says where something stands in the source.
func at(location common.Location) string {
	place := fmt.Sprintf("column %d", location.Column()+1)
	if line := location.Line(); line > 1 {
		place = fmt.Sprintf("line %d, %s", line, place)
	}
	return place
}

// listed makes one line of the first few faults.
func listed(texts []string) error {
	const most = 3
	if len(texts) > most {
		texts = append(slices.Clip(texts[:most]), fmt.Sprintf("and %d more", len(texts)-most))
	}
	return errors.New(strings.Join(strings.Fields(strings.Join(texts, "; ")), " "))
}

// holds reports whether the condition is true. Whatever cannot be decided, because a claim is missing, of another type,
// or too large to look at, does not hold.
func (e *expression) holds(claims map[string]any) bool {
	if e == nil {
		return true
	}
	value, ok := e.value(claims)
	return ok && value == true
}

// value evaluates the expression; false: it has no value.
func (e *expression) value(claims map[string]any) (any, bool) {
	result, _, err := e.program.Eval(map[string]any{"claims": claims})
	if err != nil {
		return nil, false
	}
	return native(result)
}

// native turns what CEL gives into what a token can carry: numbers as they are, and not by way of float64. false: JSON
// has nothing for it.
func native(value ref.Val) (any, bool) {
	switch value := value.(type) {
	case types.Null:
		return nil, true
	case types.String, types.Bool, types.Int, types.Uint:
		return value.Value(), true
	case types.Double:
		return float64(value), !math.IsInf(float64(value), 0) && !math.IsNaN(float64(value))
	case traits.Mapper:
		return nativeMap(value)
	case traits.Lister:
		return nativeList(value)
	default: // bytes, a timestamp, a duration: text, as protobuf's JSON has it
		converted, err := value.ConvertToNative(types.JSONValueType)
		if err != nil {
			return nil, false
		}
		return converted.(*structpb.Value).AsInterface(), true
	}
}

func nativeMap(value traits.Mapper) (any, bool) {
	object := make(map[string]any)
	for names := value.Iterator(); names.HasNext() == types.True; {
		key := names.Next()
		name, isText := key.(types.String)
		member, ok := native(value.Get(key))
		if !isText || !ok {
			return nil, false
		}
		object[string(name)] = member
	}
	return object, true
}

func nativeList(value traits.Lister) (any, bool) {
	list := []any{}
	for elements := value.Iterator(); elements.HasNext() == types.True; {
		element, ok := native(elements.Next())
		if !ok {
			return nil, false
		}
		list = append(list, element)
	}
	return list, true
}

// present returns the claims without those that are null or empty text, inside objects too: an absent claim must not
// match an empty rule, and neither must an empty one.
func present(claims map[string]any) map[string]any {
	if !hasAbsent(claims) {
		return claims
	}
	kept := make(map[string]any, len(claims))
	for name, value := range claims {
		if object, isObject := value.(map[string]any); isObject {
			kept[name] = present(object)
		} else if !absent(value) {
			kept[name] = value
		}
	}
	return kept
}

func hasAbsent(claims map[string]any) bool {
	for _, value := range claims {
		object, isObject := value.(map[string]any)
		if absent(value) || isObject && hasAbsent(object) {
			return true
		}
	}
	return false
}

func absent(value any) bool { return value == nil || value == "" }
