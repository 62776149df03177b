// OpenAI's API inside a web program of one's own:
// dotnet run --project samples/WebApp -c Release -- models/wisp-chat.gguf http://127.0.0.1:5080
using Wisp.Serve;

var builder = WebApplication.CreateSlimBuilder();
builder.WebHost.UseUrls(args[1]);
builder.Services.AddWisp(options => options.Models.Add(args[0]));

var app = builder.Build();
app.MapGet("/", () => "Point an OpenAI client at /v1.");
app.MapWispOpenAI();
app.Run();
